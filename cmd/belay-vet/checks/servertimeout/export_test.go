package servertimeout

// AsidePath is for the tests.
var AsidePath = asidePath
