package anaplantest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// maxChunks is how many chunks a file may have. It is advice in Anaplan's documentation
// (help.anaplan.com, "Upload a file in chunks").
const maxChunks = 1000

// file is the content of a file, in the chunks in which it came.
type file struct {
	content [][]byte // nil: there is nothing; an empty file has one empty chunk
	initial [][]byte // what is there for everybody, and comes back by DELETE
	upload  *upload  // the one begun last; nil: none
	export  bool     // written by an export, and by nobody else
	product []byte   // what the export will write
}

// upload is an upload in chunks.
type upload struct {
	count    int // how many chunks there will be; -1: to be seen
	chunks   map[int][]byte
	complete bool
}

// size is how much a file takes.
func (f *file) size() int {
	total := len(f.product)
	for _, chunk := range f.content {
		total += len(chunk)
	}
	if f.upload != nil && !f.upload.complete {
		for _, chunk := range f.upload.chunks {
			total += len(chunk)
		}
	}
	return total
}

// room reports whether n bytes more can be kept.
func (t *tenant) room(n int) bool {
	for _, m := range t.all() {
		for _, thing := range m.kinds["files"] {
			n += thing.file.size()
		}
	}
	return n <= t.options.MaxContent
}

// replace makes chunks the content of a file, uploaded as a whole.
func (f *file) replace(chunks [][]byte) {
	f.content, f.upload = chunks, nil
}

// split cuts content into chunks. There is always one.
func split(content []byte, size int) [][]byte {
	chunks := slices.Collect(slices.Chunk(content, max(size, 1)))
	if len(chunks) == 0 {
		return [][]byte{{}}
	}
	return chunks
}

// SetFile makes content that of the file of that name, such as "Sales.csv". The file
// of an export is not there before the export has run: then it will be this.
func (t *tenant) SetFile(name string, content []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fileNamed(name)
	if f == nil {
		return fmt.Errorf("%w: file %q", ErrNoSuchThing, name)
	}
	if !t.room(len(content)) {
		return fmt.Errorf("file %q: there would be more than %d bytes in all files", name, t.options.MaxContent)
	}
	content = bytes.Clone(content)
	if f.export {
		f.product = content
		return nil
	}
	f.replace(split(content, t.options.ChunkSize))
	return nil
}

// FileContent returns a copy of what is in the file of that name; false if there is
// nothing, because nobody has uploaded it or its export has not run.
func (t *tenant) FileContent(name string) ([]byte, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fileNamed(name)
	if f == nil || f.content == nil {
		return nil, false
	}
	return bytes.Join(f.content, nil), true
}

// fileNamed returns the first file of that name; nil if there is none.
func (t *tenant) fileNamed(name string) *file {
	for _, thing := range t.named(name) {
		if thing.file != nil {
			return thing.file
		}
	}
	return nil
}

// file returns the file of the path; nil if there is none.
func (c *call) file() *thing { return c.model.find("files", c.PathValue("id")) }

// source is file for one that may be written, and the answer if it may not.
func (c *call) source() (*thing, *answer) {
	t := c.file()
	if t == nil {
		a := noSuch("file")
		return nil, &a
	}
	if t.file.export {
		a := apiFailure(http.StatusBadRequest, "the file is written by its export and cannot be uploaded")
		return nil, &a
	}
	return t, nil
}

// beginUpload is POST .../files/{id}: it says how many chunks will come.
// What is there already stays until all of them have.
func beginUpload(c *call) answer {
	thing, failed := c.source()
	if failed != nil {
		return *failed
	}
	var order struct {
		ChunkCount int `json:"chunkCount"`
	}
	if err := json.Unmarshal(c.body, &order); err != nil {
		return apiFailure(http.StatusBadRequest, "the body is not JSON")
	}
	if n := order.ChunkCount; n != -1 && n < 1 || n > maxChunks {
		return apiFailure(http.StatusBadRequest, "chunkCount is neither -1 nor from 1 to 1000")
	}
	thing.file.upload = &upload{count: order.ChunkCount, chunks: make(map[int][]byte)}
	o := thing.described()
	o["chunkCount"] = order.ChunkCount
	return c.success("file", o)
}

// putChunk is PUT .../files/{id}/chunks/{n}.
func putChunk(c *call) answer {
	thing, failed := c.source()
	if failed != nil {
		return *failed
	}
	u := thing.file.upload
	if u == nil {
		return apiFailure(http.StatusBadRequest, "no upload has been begun: chunkCount must be set first")
	}
	n, err := strconv.Atoi(c.PathValue("n"))
	if err != nil || n < 0 || n >= u.limit() {
		return apiFailure(http.StatusBadRequest, "there is to be no such chunk")
	}
	if !c.tenant.room(len(c.body) - len(u.chunks[n])) {
		return tooLarge("all files together are as large as the service allows")
	}
	u.chunks[n] = c.body
	// One that comes again after the last, because its answer was lost, counts too.
	if u.complete || len(u.chunks) == u.count {
		thing.file.finish()
	}
	return answer{status: http.StatusNoContent}
}

// limit is how many chunks may come.
func (u *upload) limit() int {
	switch {
	case u.complete:
		return len(u.chunks)
	case u.count == -1:
		return maxChunks
	}
	return u.count
}

// finish makes the upload the file's content; false if a chunk is missing.
func (f *file) finish() bool {
	u := f.upload
	content := make([][]byte, len(u.chunks))
	for n := range content {
		chunk, ok := u.chunks[n]
		if !ok {
			return false
		}
		content[n] = chunk
	}
	if len(content) == 0 || u.count > len(content) {
		return false
	}
	f.content, u.complete = content, true
	return true
}

// completeUpload is POST .../files/{id}/complete, which uploads of an unknown number of
// chunks need, and which others may send too. Anaplan wants the file's metadata in the
// body; it tells the service nothing.
func completeUpload(c *call) answer {
	thing, failed := c.source()
	if failed != nil {
		return *failed
	}
	if u := thing.file.upload; u == nil || !u.complete && !thing.file.finish() {
		return apiFailure(http.StatusBadRequest, "there is no upload, or a chunk of it is missing")
	}
	return c.success("file", thing.described())
}

// putFile is PUT .../files/{id}: all at once.
func putFile(c *call) answer {
	thing, failed := c.source()
	if failed != nil {
		return *failed
	}
	// "Cannot be compressed" is what the documentation says of it.
	if packed(c.Request) {
		return apiFailure(http.StatusUnsupportedMediaType, "only chunks may be compressed")
	}
	if !c.tenant.room(len(c.body) - thing.file.size()) {
		return tooLarge("all files together are as large as the service allows")
	}
	thing.file.replace([][]byte{c.body})
	return answer{status: http.StatusNoContent}
}

// deleteFile is DELETE .../files/{id}: what was uploaded goes, what is there for
// everybody stays (help.anaplan.com, "Access import files with the Anaplan Integrations
// API").
func deleteFile(c *call) answer {
	thing := c.file()
	if thing == nil {
		return noSuch("file")
	}
	thing.file.replace(thing.file.initial)
	return answer{status: http.StatusNoContent}
}

// getFile is GET .../files/{id}.
func getFile(c *call) answer {
	if thing := c.file(); thing != nil {
		return sendWhole(thing.file.content)
	}
	return noSuch("file")
}

// listChunks is GET .../files/{id}/chunks. While an upload is under way these are the chunks that
// it has announced: Anaplan Connect asks which it is to send, and sends no other.
func listChunks(c *call) answer {
	thing := c.file()
	if thing == nil {
		return noSuch("file")
	}
	if u := thing.file.upload; u != nil && !u.complete {
		return c.pageChunks(max(u.count, len(u.chunks)))
	}
	return c.pageChunks(len(thing.file.content))
}

// getChunk is GET .../files/{id}/chunks/{n}.
func getChunk(c *call) answer {
	if thing := c.file(); thing != nil {
		return sendChunk(c, thing.file.content)
	}
	return noSuch("file")
}

// pageChunks lists the chunks of a file or a dump (Anaplan Connect's test data).
func (c *call) pageChunks(count int) answer {
	var items []object
	for n := range count {
		items = append(items, object{"id": strconv.Itoa(n), "name": fmt.Sprint("Chunk ", n)})
	}
	return c.page("chunk", "chunks", items)
}

// sendWhole answers with all chunks of a file or a dump.
func sendWhole(chunks [][]byte) answer {
	if chunks == nil {
		return apiFailure(http.StatusNotFound, "there is nothing in the file")
	}
	return answer{status: http.StatusOK, content: bytes.NewReader(bytes.Join(chunks, nil))}
}

// sendChunk answers with the chunk of the path.
func sendChunk(c *call, chunks [][]byte) answer {
	n, err := strconv.Atoi(c.PathValue("n"))
	if err != nil || n < 0 || n >= len(chunks) {
		return noSuch("chunk")
	}
	return answer{status: http.StatusOK, content: bytes.NewReader(chunks[n])}
}
