package signin_test

import "context"

var ctx = context.Background()
