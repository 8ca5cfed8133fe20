package anaplantest

import (
	"fmt"
	"net/http"
	"strconv"
)

// page answers with the part of a list that the request wants, as Anaplan pages its
// lists: limit and offset in the query, and meta.paging in the answer.
func (c *call) page(kind, name string, items []object) answer {
	offset, err := number(c.Request, "offset", 0, 0)
	if err != nil {
		return apiFailure(http.StatusBadRequest, err.Error())
	}
	limit, err := number(c.Request, "limit", 1, c.tenant.options.PageSize)
	if err != nil {
		return apiFailure(http.StatusBadRequest, err.Error())
	}
	limit = min(limit, c.tenant.options.PageSize)
	from := min(offset, len(items))
	shown := items[from:min(from+limit, len(items))]

	a := apiSuccess(c.Request, c.schema(kind), name, shown)
	body := a.body.(object)
	body["meta"].(object)["paging"] = paging(c.Request, len(shown), len(items), limit, offset)
	// Clients of Anaplan's read an empty list as one that may be missing
	// (anaplan-sdk, _base.py), so that it is.
	if len(shown) == 0 {
		delete(body, name)
	}
	return a
}

// number reads a number of the query that is not below least.
func number(r *http.Request, name string, least, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	// 31 bits, so that sums of two do not overflow anywhere.
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || int(n) < least {
		return 0, fmt.Errorf("%s=%s is not a number from %d", name, text, least)
	}
	return int(n), nil
}

// paging says where in a list a page is. next and previous are there when there is
// such a page (Anaplan's documentation of the integration API; Anaplan Connect's test
// data).
func paging(r *http.Request, shown, total, limit, offset int) object {
	p := object{"currentPageSize": shown, "totalSize": total, "offset": offset}
	if offset+shown < total {
		p["next"] = pageURL(r, limit, offset+shown)
	}
	if offset > 0 {
		p["previous"] = pageURL(r, limit, max(0, offset-limit))
	}
	return p
}

// pageURL is the address of another page of the same list.
func pageURL(r *http.Request, limit, offset int) string {
	query := r.URL.Query()
	query.Set("limit", strconv.Itoa(limit))
	query.Set("offset", strconv.Itoa(offset))
	return baseURL(r) + r.URL.EscapedPath() + "?" + query.Encode()
}
