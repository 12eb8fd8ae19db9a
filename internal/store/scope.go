package store

import (
	"slices"
	"strings"
)

// restricts reports whether a statement reaches only rows of the owner, whose
// id is $1 (R4). It reads the statement's form, not its meaning, and so refuses
// more than it must. Each SELECT, UPDATE and DELETE, subqueries too, says
// "column = $1" as one of the conditions that its WHERE joins with AND; an
// INSERT puts $1 into the column, first, and an upsert cannot meet somebody
// else's row. Comments, several statements and every other verb are refused.
//
// A join counts as restricted by one of its tables: its ON must join the others
// by the owner or by keys that are unique in the house.
func restricts(column, query string) bool {
	tokens, ok := lex(query)
	if !ok {
		return false
	}
	root, rest, ok := group(tokens)
	c := scopeCheck(column)
	return ok && len(rest) == 0 && root.block() && c.all(root)
}

// part is a token, or a group in parentheses.
type part struct {
	text string
	in   phrase
}

// phrase is a stretch of a statement.
type phrase []part

// lex cuts a statement into words, numbers, signs and 'texts'. false: it holds
// what could hide something from a reader.
func lex(query string) (tokens []string, ok bool) {
	for i := 0; i < len(query); {
		c := query[i]
		end := i + 1
		switch {
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case c == ';' || c == '\\' || c == '`' || strings.HasPrefix(query[i:], "--") || strings.HasPrefix(query[i:], "/*"):
			return nil, false
		case c == '\'' || c == '"':
			at := strings.IndexByte(query[end:], c)
			if at < 0 || i > 0 && wordByte(query[i-1]) { // E'…' has other rules
				return nil, false
			}
			end += at + 1
		case wordByte(c):
			for end < len(query) && wordByte(query[end]) {
				end++
			}
			if c == '$' && (end == i+1 || query[i+1] < '0' || query[i+1] > '9') { // $$…$$
				return nil, false
			}
		}
		tokens = append(tokens, strings.ToLower(query[i:end]))
		i = end
	}
	return tokens, true
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// group reads up to the parenthesis that closes.
func group(tokens []string) (p phrase, rest []string, ok bool) {
	for len(tokens) > 0 {
		token := tokens[0]
		tokens = tokens[1:]
		switch token {
		case ")":
			return p, append([]string{")"}, tokens...), true
		case "(":
			in, rest, ok := group(tokens)
			if !ok || len(rest) == 0 {
				return nil, nil, false
			}
			p, tokens = append(p, part{"(", in}), rest[1:]
		default:
			p = append(p, part{text: token})
		}
	}
	return p, nil, true
}

func (p phrase) at(words ...string) int {
	return slices.IndexFunc(p, func(one part) bool { return slices.Contains(words, one.text) })
}

// after is what stands between the first of the words and the next of the ends.
func (p phrase) after(word string, ends ...string) phrase {
	at := p.at(word)
	if at < 0 {
		return nil
	}
	p = p[at+1:]
	if end := p.at(ends...); end >= 0 {
		p = p[:end]
	}
	return p
}

func (p phrase) split(words ...string) (pieces []phrase) {
	for {
		at := p.at(words...)
		if at < 0 {
			return append(pieces, p)
		}
		pieces, p = append(pieces, p[:at]), p[at+1:]
	}
}

func (p phrase) is(words ...string) bool {
	return len(p) == len(words) && p.begins(words...)
}

func (p phrase) begins(words ...string) bool {
	return len(p) >= len(words) && slices.EqualFunc(p[:len(words)], words, func(one part, word string) bool { return one.text == word })
}

// block reports whether the phrase is a statement and no list or condition.
func (p phrase) block() bool {
	return len(p) > 0 && slices.Contains([]string{"select", "insert", "update", "delete", "with"}, p[0].text)
}

// scopeCheck is the column that holds the owner.
type scopeCheck string

// all checks a phrase with everything inside it.
func (c scopeCheck) all(p phrase) bool {
	for _, one := range p {
		if one.in != nil && !c.all(one.in) {
			return false
		}
	}
	if !p.block() {
		return p.at("select", "insert", "update", "delete") < 0
	}
	for _, block := range p.split("union", "except", "intersect") {
		if !c.one(block) {
			return false
		}
	}
	return true
}

func (c scopeCheck) one(p phrase) bool {
	if p.begins("all") {
		p = p[1:]
	}
	if p.begins("with") {
		at := p.at("select", "insert", "update", "delete")
		if at < 0 {
			return false
		}
		p = p[at:]
	}
	switch {
	case p.begins("select"):
		return p.at("from") < 0 || c.where(p)
	case p.begins("delete"):
		return c.where(p)
	case p.begins("update"):
		return c.where(p) && !c.assigns(p.after("set", "from", "where"))
	case p.begins("insert", "into"):
		return c.insert(p)
	}
	return false
}

func (c scopeCheck) where(p phrase) bool {
	return c.holds(p.after("where", "group", "order", "limit", "having", "returning", "window", "on"), "$1")
}

// holds reports whether one of the conditions is that the column is one of the
// values.
func (c scopeCheck) holds(condition phrase, values ...string) bool {
	if condition.at("or") >= 0 {
		return false
	}
	for _, one := range condition.split("and") {
		if len(one) == 1 && one[0].in != nil && !one[0].in.block() && c.holds(one[0].in, values...) {
			return true
		}
		if len(one) > 2 && one[1].text == "." {
			one = one[2:]
		}
		if !one.begins(string(c), "=") {
			continue
		}
		for _, value := range values {
			if one[2:].is(strings.Fields(value)...) || one[2:].is("cast", "(") && one[3].in.begins(value, "as") {
				return true
			}
		}
	}
	return false
}

func (c scopeCheck) assigns(set phrase) bool {
	for _, one := range set.split(",") {
		if one.begins(string(c), "=") || len(one) > 0 && one[0].in.at(string(c)) >= 0 {
			return true
		}
	}
	return false
}

// insert: (column, …) and $1 in its place in every row.
func (c scopeCheck) insert(p phrase) bool {
	if len(p) < 5 || !p[3].in.begins(string(c)) {
		return false
	}
	switch rest := p[4:]; {
	case rest.begins("values"):
		for _, row := range rest.after("values", "on", "returning").split(",") {
			if len(row) != 1 || !ownerFirst(row[0].in) {
				return false
			}
		}
	case rest.begins("select"):
		if !ownerFirst(rest[1:]) || !c.all(rest.before("conflict", "returning")) {
			return false
		}
	default:
		return false
	}
	return c.upsert(p)
}

func (p phrase) before(words ...string) phrase {
	if at := p.at(words...); at >= 0 {
		return p[:at]
	}
	return p
}

// ownerFirst reports whether the first of the values is $1.
func ownerFirst(values phrase) bool {
	first := values.split(",", "from")[0]
	return first.is("$1") || first.is("cast", "(") && first[1].in.begins("$1", "as")
}

// upsert: whose row the conflict is with is known by the conflict's own columns
// or by a condition.
func (c scopeCheck) upsert(p phrase) bool {
	conflict := p.after("conflict")
	if conflict.at("do") < 0 || conflict.after("do").begins("nothing") {
		return true
	}
	if c.assigns(conflict.after("set", "where", "returning")) {
		return false
	}
	mine := conflict[0].in.split(",")
	return slices.ContainsFunc(mine, func(one phrase) bool { return one.is(string(c)) }) ||
		c.holds(conflict.after("set").after("where", "returning"), "$1", "excluded . "+string(c))
}
