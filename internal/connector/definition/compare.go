package definition

import "strings"

// Difference is a line in which two texts differ.
type Difference struct {
	Text string
	Gone bool // it was in the first one
}

// mostCompared bounds the lines that are compared: the work grows with their
// product.
const mostCompared = 2000

// Compare returns the lines that came and went, in their order.
func Compare(before, after string) (lines []Difference) {
	a, b := linesOf(before), linesOf(after)
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) > mostCompared || len(b) > mostCompared {
		for _, line := range a {
			lines = append(lines, Difference{Text: line, Gone: true})
		}
		for _, line := range b {
			lines = append(lines, Difference{Text: line})
		}
		return lines
	}
	return compared(a, b)
}

func linesOf(text string) []string {
	if text = strings.TrimRight(text, "\n"); text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// compared walks the longest common subsequence.
func compared(a, b []string) (lines []Difference) {
	length := make([][]int16, len(a)+1)
	for i := range length {
		length[i] = make([]int16, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && length[i+1][j] >= length[i][j+1]:
			lines, i = append(lines, Difference{Text: a[i], Gone: true}), i+1
		default:
			lines, j = append(lines, Difference{Text: b[j]}), j+1
		}
	}
	return lines
}
