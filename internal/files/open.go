package files

import "io"

// OpenDataURL returns the content of a data: URL and a name for its file.
func OpenDataURL(url string) (content io.Reader, name string, err error) { return openDataURL(url) }
