package tasks

// Files of this machine on their way to those of a model.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// sending is a file of this machine for one of the model.
type sending struct {
	order uploadOrder
	to    integration.Thing
	from  *input
	done  integration.Transfer
	took  time.Duration
}

// upload sends what --input names.
func (r *Task) upload(to integration.Thing) error {
	return r.uploadAll([]uploadOrder{{"", r.Order.input}}, func(uploadOrder) (integration.Thing, error) { return to, nil })
}

// uploadNamed sends what --upload names.
func (r *Task) uploadNamed(model integration.Model) error {
	return r.uploadAll(r.Order.uploads, func(order uploadOrder) (integration.Thing, error) {
		return r.find(model, integration.Files, order.name)
	})
}

// uploadAll sends files side by side. Nothing is sent unless all can be read and have a place.
func (r *Task) uploadAll(orders []uploadOrder, find func(uploadOrder) (integration.Thing, error)) error {
	var all []*sending
	defer func() {
		for _, one := range all {
			one.from.Close()
		}
	}()
	for _, order := range orders {
		from, err := openInput(r.Ctx, order.path)
		if err != nil {
			return err
		}
		one := &sending{order: order, from: from}
		all = append(all, one)
		if one.to, err = find(order); err != nil {
			return err
		}
		for _, other := range all[:len(all)-1] { // by another name, or by its id
			if other.to.ID == one.to.ID {
				return twoForOne(other.order, order)
			}
		}
	}
	for _, one := range all {
		if one.from.packed && !strings.HasSuffix(strings.ToLower(one.to.Name), ".gz") {
			r.Say.Warn("%s is packed with gzip, and goes to Anaplan as it is, which does not unpack it for an import: gunzip -c %s | %s run file %s%s --input -",
				one.order.path, shell.Word(one.order.path), build.Program, shell.Word(cmp.Or(one.to.Name, one.to.ID)), r.Order.same)
		}
	}
	if err := r.send(all); err != nil {
		r.Bar.End()
		return err
	}
	for _, one := range all {
		if err := r.end(one.words()); err != nil {
			return err
		}
	}
	return nil
}

// mostFiles is how many files are under way at once. They share the places for chunks.
const mostFiles = integration.DefaultSlots

// send sends them, and returns the first error, which ends the others.
func (r *Task) send(all []*sending) error {
	ctx, stop := context.WithCancelCause(r.Ctx)
	defer stop(nil)
	shown := r.gathered(all)
	slots, places := integration.NewSlots(integration.DefaultSlots), make(chan struct{}, mostFiles)
	var group sync.WaitGroup
	for i, one := range all {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			began := time.Now()
			err := r.Client.Upload(ctx, one.to, integration.Upload{
				Content: r.notEmpty(one), Size: one.from.size, ChunkSize: r.Order.chunk << 20, Slots: slots, Plain: r.Order.plain,
				Progress: func(t integration.Transfer) { one.done = t; shown(i, t) },
			})
			one.took = time.Since(began)
			if empty, ok := errors.AsType[*emptyError](err); ok {
				err = empty // without the words for a disk that fails
			}
			if err != nil {
				stop(r.refused(err, "upload", one.to))
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

// gathered shows how far several transfers are together.
func (r *Task) gathered(all []*sending) func(i int, t integration.Transfer) {
	if len(all) == 1 {
		shown := r.transferred(all[0].to.String())
		return func(_ int, t integration.Transfer) { shown(t) }
	}
	var mu sync.Mutex
	parts := make([]integration.Transfer, len(all))
	for i, one := range all {
		parts[i].Total = one.from.size
	}
	shown := r.transferred(console.Counted(len(all), "file"))
	return func(i int, t integration.Transfer) {
		mu.Lock()
		defer mu.Unlock()
		parts[i] = t
		var sum integration.Transfer
		for _, part := range parts {
			sum.Bytes += part.Bytes
			sum.Total += part.Total
			if part.Total < 0 {
				sum.Total = -1 << 40 // whatever the others have
			}
		}
		sum.Total = max(sum.Total, -1)
		shown(sum)
	}
}

// words are what is said of an upload at its end.
func (s *sending) words() string {
	packed := ""
	if s.done.Sent < s.done.Bytes {
		packed = " (" + sized(s.done.Sent) + " packed)"
	}
	return fmt.Sprintf("%s: uploaded %s%s in %s", nameOf(s.to), sized(s.done.Bytes), packed, roundly(s.took))
}
