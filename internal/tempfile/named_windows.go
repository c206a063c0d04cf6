package tempfile

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// named creates a file that Windows removes when its last handle is closed: an open file can't be
// removed there.
func named(dir, program string) (*os.File, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL | windows.FILE_FLAG_DELETE_ON_CLOSE
	return os.OpenFile(filepath.Join(dir, program+"-"+rand.Text()), flags, 0o600)
}
