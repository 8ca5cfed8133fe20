//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// openCards returns the cards of --state, or new ones.
func openCards(s *settings) ([]*pivtest.Card, error) {
	var cards []*pivtest.Card
	if s.state != "" {
		var err error
		if cards, err = loadCards(s.state); err != nil {
			return nil, err
		}
	}
	// A file of one card grows by another where two are wanted.
	for i := len(cards); i < s.cards; i++ {
		card, err := pivtest.NewCard(pivtest.Options{
			Maker:     pivtest.Maker(s.maker),
			Firmware:  s.firmware,
			Serial:    s.serial + uint32(i),
			PIN:       s.pin,
			PUK:       s.puk,
			TouchTime: s.touchTime,
		})
		if err != nil {
			return nil, err
		}
		cards = append(cards, card)
	}
	return cards[:s.cards], nil
}

// loadCards reads cards from a file; none where there is no file yet.
func loadCards(path string) ([]*pivtest.Card, error) {
	text, err := os.ReadFile(path)
	// The first run makes it.
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading --state: %w", err)
	}
	var saved []json.RawMessage
	if err := json.Unmarshal(text, &saved); err != nil {
		return nil, fmt.Errorf("reading --state %s: %w", path, err)
	}
	var cards []*pivtest.Card
	for _, one := range saved {
		card, err := pivtest.LoadCard(one)
		if err != nil {
			return nil, fmt.Errorf("reading --state %s: %w", path, err)
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// saveCards writes the cards to a file. "": no file is wanted.
func saveCards(path string, cards []*pivtest.Card) error {
	if path == "" {
		return nil
	}
	// What a card is, package pivtest knows; here they are only put in a row.
	var saved []json.RawMessage
	for _, card := range cards {
		one, err := card.Save()
		if err != nil {
			return fmt.Errorf("writing --state: %w", err)
		}
		saved = append(saved, one)
	}
	text, err := json.MarshalIndent(saved, "", "\t")
	if err != nil {
		return fmt.Errorf("writing --state: %w", err)
	}
	return writeFile("--state", path, append(text, '\n'))
}

// writeFile writes a file in one step, so that nobody reads half of it, for this
// user alone.
func writeFile(flag, path string, text []byte) error {
	// In the same directory, because a rename does not cross file systems.
	// CreateTemp makes it 0600.
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", flag, err)
	}
	_, err = file.Write(text)
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
		return fmt.Errorf("writing %s: %w", flag, err)
	}
	return nil
}
