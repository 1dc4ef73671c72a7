package files

import (
	"path/filepath"
	"strings"
)

// mimeTypes are the types of the files that models take and make, the first of several extensions being the one that a
// file of the type gets. It does not depend on what the machine has installed.
var mimeTypes = []struct{ extension, media string }{
	{".png", "image/png"},
	{".jpg", "image/jpeg"},
	{".jpeg", "image/jpeg"},
	{".gif", "image/gif"},
	{".webp", "image/webp"},
	{".bmp", "image/bmp"},
	{".tiff", "image/tiff"},
	{".tif", "image/tiff"},
	{".svg", "image/svg+xml"},
	{".ico", "image/x-icon"},
	{".avif", "image/avif"},
	{".heic", "image/heic"},
	{".mp3", "audio/mpeg"},
	{".wav", "audio/wav"},
	{".wav", "audio/x-wav"},
	{".ogg", "audio/ogg"},
	{".oga", "audio/ogg"},
	{".flac", "audio/flac"},
	{".m4a", "audio/mp4"},
	{".aac", "audio/aac"},
	{".opus", "audio/opus"},
	{".mid", "audio/midi"},
	{".midi", "audio/midi"},
	{".mp4", "video/mp4"},
	{".webm", "video/webm"},
	{".mov", "video/quicktime"},
	{".avi", "video/x-msvideo"},
	{".mkv", "video/x-matroska"},
	{".mpeg", "video/mpeg"},
	{".mpg", "video/mpeg"},
	{".ogv", "video/ogg"},
	{".txt", "text/plain"},
	{".md", "text/markdown"},
	{".html", "text/html"},
	{".htm", "text/html"},
	{".css", "text/css"},
	{".csv", "text/csv"},
	{".tsv", "text/tab-separated-values"},
	{".js", "text/javascript"},
	{".xml", "text/xml"},
	{".xml", "application/xml"},
	{".srt", "application/x-subrip"},
	{".vtt", "text/vtt"},
	{".json", "application/json"},
	{".jsonl", "application/jsonl"},
	{".yaml", "application/yaml"},
	{".yml", "application/yaml"},
	{".pdf", "application/pdf"},
	{".zip", "application/zip"},
	{".gz", "application/gzip"},
	{".tar", "application/x-tar"},
	{".bz2", "application/x-bzip2"},
	{".xz", "application/x-xz"},
	{".7z", "application/x-7z-compressed"},
	{".wasm", "application/wasm"},
	{".bin", "application/octet-stream"},
	{".glb", "model/gltf-binary"},
	{".gltf", "model/gltf+json"},
	{".obj", "model/obj"},
	{".stl", "model/stl"},
	{".ttf", "font/ttf"},
	{".otf", "font/otf"},
	{".woff", "font/woff"},
	{".woff2", "font/woff2"},
	{".doc", "application/msword"},
	{".rtf", "application/rtf"},
	{".epub", "application/epub+zip"},
	{".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
	{".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
	{".pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
}

// defaultMIME is the type of what is not known.
const defaultMIME = "application/octet-stream"

// MIME guesses a file's media type from its name.
func MIME(path string) string {
	extension := strings.ToLower(filepath.Ext(path))
	for _, t := range mimeTypes {
		if t.extension == extension {
			return t.media
		}
	}
	return defaultMIME
}

// extension is what a file of the media type is named with; empty when the type is not known.
func extension(media string) string {
	media = strings.ToLower(media)
	if media == "image/jpg" {
		return ".jpg"
	}
	for _, t := range mimeTypes {
		if t.media == media {
			return t.extension
		}
	}
	return ""
}
