package manifest

// The codes of what is wrong with a document.
const (
	codeKindUnknown      = "manifest-kind-unknown"
	codeName             = "manifest-name"
	codeOrgMissing       = "manifest-org-missing"
	codeOrgRefused       = "manifest-org-refused"
	codeOrgUnknown       = "manifest-org-unknown"
	codeReference        = "manifest-reference"
	codeCircle           = "manifest-circle"
	codeRename           = "manifest-rename"
	codeRenameCircle     = "manifest-rename-circle"
	codeRenameNamed      = "manifest-rename-named"
	codeRenameTwice      = "manifest-rename-twice"
	codeSecretEnv        = "manifest-secret-env"
	codeSecretFile       = "manifest-secret-file"
	codeSecretNotThere   = "manifest-secret-not-there"
	codeSecretTooLarge   = "manifest-secret-too-large"
	codeSecretUnresolved = "manifest-secret-unresolved"
	codeTwice            = "manifest-twice"
)
