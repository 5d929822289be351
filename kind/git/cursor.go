package git

// cursor reads what git has written in binary.
type cursor struct{ rest []byte }

// maxVarint is beyond all that a length or a difference can be.
const maxVarint = 1 << 48

func (c *cursor) take(n int) ([]byte, bool) {
	if n < 0 || n > len(c.rest) {
		return nil, false
	}
	taken := c.rest[:n]
	c.rest = c.rest[n:]
	return taken, true
}

// varint reads an integer in the encoding of pack offsets: each continued
// group counts one more than its bits say.
func (c *cursor) varint() (int, bool) {
	value := 0
	for i, b := range c.rest {
		value = value<<7 | int(b&0x7f)
		if b&0x80 == 0 {
			c.rest = c.rest[i+1:]
			return value, true
		}
		value++
		if value > maxVarint {
			return 0, false
		}
	}
	return 0, false
}
