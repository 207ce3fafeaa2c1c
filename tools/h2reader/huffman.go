package main

import (
	"strings"

	"golang.org/x/net/http2/hpack"
)

// The code of each byte, as a text of "0" and "1".
func huffmanCodes() []string {
	const times = 8
	codes := make([]string, 256)
	for each := range codes {
		// Eight times the code is a whole number of bytes: nothing is filled up.
		text := string([]byte{byte(each)})
		bits := hpack.HuffmanEncodeLength(strings.Repeat(text, times))
		coded := hpack.AppendHuffmanString(nil, strings.Repeat(text, times))
		var code strings.Builder
		for bit := range int(bits) {
			code.WriteByte('0' + coded[bit/8]>>(7-bit%8)&1)
		}
		codes[each] = code.String()
	}
	return codes
}
