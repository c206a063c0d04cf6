package drops

// readPlaces reads what functions are for, in words: stanzas without meaning, one
// "function: words" a line, several functions with the same words separated by spaces.
func (t *tables) readPlaces(file string) error {
	stanzas, err := readFile(file)
	if err != nil {
		return err
	}
	t.places = map[string]string{}
	for _, stanza := range stanzas {
		for _, l := range stanza {
			for _, function := range fields(l.key) {
				t.places[function] = l.value
			}
		}
	}
	return nil
}
