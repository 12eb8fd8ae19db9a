package console

import (
	"slices"
	"strconv"
	"time"

	"github.com/sekisho/sekisho/internal/audit"
)

// Level is how a part of the house stands.
type Level string

// The levels of a line.
const (
	Good Level = "good"
	Wait Level = "wait" // somebody should know
	Bad  Level = "bad"  // somebody should act: an alarm
)

// Line is how one part of the house stands. Its words are
// console.health.NAME, console.health.NAME.CASE and, where there is something
// to do, console.health.NAME.CASE.do.
type Line struct {
	Name, Case string
	Level      Level
	Args       []any
	Href       string // where it is settled
}

// The bounds from which a line is not good any more.
const (
	freeWait, freeBad   = 1 << 30, 100 << 20 // bytes of disk
	walWait             = 512 << 20
	writeWait           = 250 * time.Millisecond
	lagBad              = time.Second
	unsignedWait        = 10 * time.Minute
	openWait            = 10 * time.Minute // of effects and mails
	backupWait          = 7 * 24 * time.Hour
	aheadWait, aheadBad = time.Second, 30 * time.Second
	certificateWait     = 60 * 24 * time.Hour
	certificateSoon     = 30 * 24 * time.Hour
	certificateBad      = 7 * 24 * time.Hour
)

// Lines are all parts, in the order in which a page shows them.
func (s State) Lines(now time.Time) []Line {
	lines := []Line{s.storeLine(), s.diskLine()}
	if s.Vitals.Most > 0 {
		lines = append(lines, s.connsLine())
	}
	return append(lines,
		s.logLine(), s.signedLine(), s.outsideLine(), s.keysLine(), s.effectsLine(now), s.mailLine(now),
		s.clockLine(), s.nodesLine(), s.backupLine(now), s.certificateLine(now), s.egressLine(),
	)
}

// pick is the first case that holds, else the last.
func pick(name string, cases ...caseOf) Line {
	for _, c := range cases {
		if c.holds {
			return Line{Name: name, Case: c.name, Level: c.level}
		}
	}
	return Line{Name: name, Case: "good", Level: Good}
}

type caseOf struct {
	holds bool
	level Level
	name  string
}

func (l Line) with(pairs ...any) Line {
	l.Args = pairs
	return l
}

func (l Line) at(href string) Line {
	l.Href = href
	return l
}

func millis(d time.Duration) string {
	return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64)
}

// size says bytes as people do.
func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	f, u := float64(n), 0
	for f >= 1000 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	digits := 1
	if u == 0 || f >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + " " + units[u]
}

func (s State) storeLine() Line {
	return pick("store", caseOf{s.Write > writeWait, Wait, "slow"}, caseOf{s.Vitals.Log > walWait, Wait, "wal"}).
		with("engine", engines[s.Engine], "size", size(s.Vitals.Size), "wal", size(s.Vitals.Log), "read", millis(s.Read), "write", millis(s.Write))
}

func (s State) diskLine() Line {
	return pick("disk", caseOf{s.Around.Whole == 0, Good, "unknown"}, caseOf{s.Around.Free < freeBad, Bad, "full"}, caseOf{s.Around.Free < freeWait, Wait, "low"}).
		with("free", size(s.Around.Free), "whole", size(s.Around.Whole))
}

func (s State) connsLine() Line {
	return pick("conns", caseOf{s.Vitals.Conns*10 > s.Vitals.Most*8, Wait, "many"}).with("now", s.Vitals.Conns, "most", s.Vitals.Most)
}

func (s State) logLine() Line {
	return pick("log", caseOf{s.Lag > lagBad, Bad, "late"}, caseOf{s.Lag > 0, Good, "waits"}).with("ms", s.Lag.Milliseconds())
}

func (s State) signedLine() Line {
	return pick("signed", caseOf{s.Signed == 0, Wait, "never"}, caseOf{s.Signed > unsignedWait && s.Beyond > 0, Wait, "late"}).
		with("minutes", int(s.Signed.Minutes()), "beyond", s.Beyond)
}

func (s State) outsideLine() Line {
	fails := slices.IndexFunc(s.Outside, func(o audit.OutsideState) bool { return o.Error != "" })
	behind := slices.ContainsFunc(s.Outside, func(o audit.OutsideState) bool { return o.Behind > 2000 })
	line := pick("outside", caseOf{len(s.Outside) == 0, Wait, "none"}, caseOf{fails >= 0, Bad, "fails"}, caseOf{behind, Wait, "behind"})
	name := ""
	if fails >= 0 {
		name = s.Outside[fails].Name
	}
	return line.with("n", len(s.Outside), "name", name)
}

func (s State) keysLine() Line {
	return pick("keys", caseOf{s.Keys.Phase == "stuck", Bad, "stuck"}, caseOf{s.Keys.Phase != "done", Good, "moving"}).
		with("key", s.Keys.Writes, "moved", s.Keys.Moved, "stuck", s.Keys.Stuck).at(KeysPath)
}

func (s State) effectsLine(now time.Time) Line {
	waits := s.waits()
	return pick("effects", caseOf{s.parked() > 0, Bad, "parked"}, caseOf{!waits.IsZero() && now.Sub(waits) > openWait, Wait, "waits"}).
		with("n", s.parked(), "minutes", int(now.Sub(waits).Minutes())).at(EffectsPath)
}

func (s State) mailLine(now time.Time) Line {
	fails := !s.Mail.Failed.IsZero() && s.Mail.Failed.After(s.Mail.Sent)
	return pick("mail", caseOf{s.Around.Relay == "", Wait, "off"}, caseOf{fails, Bad, "fails"},
		caseOf{s.Mail.Waiting > 0 && now.Sub(s.Mail.Oldest) > openWait, Wait, "waits"}, caseOf{s.Mail.Sent.IsZero(), Good, "unused"}).
		with("relay", s.Around.Relay, "n", s.Mail.Waiting, "minutes", int(now.Sub(s.Mail.Oldest).Minutes()), "said", s.Mail.Said)
}

func (s State) clockLine() Line {
	apart := time.Duration(0)
	for _, n := range s.Nodes {
		if ahead := n.Ahead.Abs(); !n.Gone && ahead > apart {
			apart = ahead
		}
	}
	return pick("clock", caseOf{apart > aheadBad, Bad, "apart"}, caseOf{apart > aheadWait, Wait, "drifts"}, caseOf{s.Clock.N > 0, Wait, "stepped"}).
		with("n", s.Clock.N, "step", s.Clock.Last.Round(time.Millisecond).String(), "apart", apart.Round(time.Millisecond).String())
}

func (s State) nodesLine() Line {
	alive, gone, schemas := 0, 0, map[int64]bool{}
	for _, n := range s.Nodes {
		if n.Gone {
			gone++
			continue
		}
		alive++
		schemas[n.Schema] = true
	}
	return pick("nodes", caseOf{len(schemas) > 1, Wait, "mixed"}, caseOf{gone > 0, Wait, "gone"}).with("n", alive, "gone", gone)
}

func (s State) backupLine(now time.Time) Line {
	return pick("backup", caseOf{s.Backup.Made == 0, Wait, "never"}, caseOf{!s.Backup.Known, Good, "archived"},
		caseOf{now.Sub(s.Backup.At) > backupWait, Wait, "old"}).
		with("days", int(now.Sub(s.Backup.At).Hours()/24), "by", s.Backup.By, "n", s.Backup.Made)
}

func (s State) certificateLine(now time.Time) Line {
	left := s.Around.Certificate.Sub(now)
	return pick("certificate", caseOf{s.Around.Certificate.IsZero(), Good, "none"}, caseOf{left <= 0, Bad, "over"}, caseOf{left < certificateBad, Bad, "last"},
		caseOf{left < certificateSoon, Wait, "soon"}, caseOf{left < certificateWait, Wait, "coming"}).
		with("days", int(left.Hours()/24), "until", s.Around.Certificate.Format(time.DateOnly))
}

func (s State) egressLine() Line {
	return pick("egress", caseOf{s.Around.Proxy != "", Good, "proxy"}).with("proxy", s.Around.Proxy)
}
