package manifest

// The codes of what is wrong with a document.
const (
	codeKindUnknown      = "manifest-kind-unknown"
	codeName             = "manifest-name"
	codeOrgMissing       = "manifest-org-missing"
	codeOrgRefused       = "manifest-org-refused"
	codeOrgUnknown       = "manifest-org-unknown"
	codeReference        = "manifest-reference"
	codeRename           = "manifest-rename"
	codeSecretEnv        = "manifest-secret-env"
	codeSecretFile       = "manifest-secret-file"
	codeSecretNotThere   = "manifest-secret-not-there"
	codeSecretTooLarge   = "manifest-secret-too-large"
	codeSecretUnresolved = "manifest-secret-unresolved"
	codeTwice            = "manifest-twice"
)
