package store

// OnStep has f told of each step of every commit.
func (s *Store) OnStep(f func(name string)) { s.step = f }

// HowContentIsCut is what format.json says: algorithm, and sizes.
func HowContentIsCut() (string, []int) {
	f := currentFormat(nil)
	return f.Chunker.Algorithm, []int{f.Chunker.Min, f.Chunker.Normal, f.Chunker.Max, f.Paged.Page, f.Paged.Block}
}
