package store

// OnStep has f told of each step.
func (s *Store) OnStep(f func(name string)) { s.step = f }

// Reaching reports whether somebody is between finding chunks and noting that
// they are needed.
func (s *Store) Reaching() bool {
	alone := s.reaching.TryLock()
	if alone {
		s.reaching.Unlock()
	}
	return !alone
}

// HowContentIsCut is what format.json says: algorithm, and sizes.
func HowContentIsCut() (string, []int) {
	f := currentFormat(nil)
	sizes := []int{f.Paged.Page, f.Paged.Block}
	for _, c := range []chunker{f.Chunker, f.Lists} {
		sizes = append(sizes, c.Min, c.Normal, c.Max)
	}
	return f.Chunker.Algorithm, sizes
}
