package definition

import "github.com/sekisho/sekisho/internal/egress"

// ScopeOf is the scope that a scheme asks for unless an administrator says
// another; it may be empty.
func (d *Definition) ScopeOf(kind string) string {
	if s := d.doc.Auth.Schemes.get(kind); s != nil {
		return s.Scope
	}
	return ""
}

// Reaches reports whether a URL lies at one of the places that the definition
// may call with these settings.
func (d *Definition) Reaches(cfg map[string]any, u egress.URL) (bool, error) {
	origins, err := d.Origins(cfg)
	return err == nil && within(origins, u.Parsed()), err
}

// Endpoints are the templates of a scheme's endpoints, for people to see what
// stands where they say nothing: "{base_url}/oauth_token.do".
func (d *Definition) Endpoints(kind string) (authorize, token string) {
	if s := d.doc.Auth.Schemes.get(kind); s != nil {
		return s.Authorize, s.Token
	}
	return "", ""
}
