package web

import "sync"

// zones keeps the zones that readers named: loading one reads a file.
var zones sync.Map
