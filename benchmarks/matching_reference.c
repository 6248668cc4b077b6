/* The matching kernel's algorithm in C, as fast as it can be said: what the Python kernel is measured against, never shipped.

   One ladder of places per side, bids mirrored so that the best order is at the smallest occupied place; a bitmap of occupied
   places in two levels; orders at a place are a doubly linked list of nodes; a map from order id to node, validated by the id in
   the node. Events and results are those of MatchingEngine.run. Room is made beforehand for every event of the stream. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT, MARKET, IOC, FOK, CANCEL, REDUCE };
enum { REJECTED = -1 };

typedef struct { int32_t next, prev, lots, id, place, unused[3]; } Node;
typedef struct { int32_t first, last; int64_t lots; } Level;
typedef struct { int32_t taker, maker, tick, lots; } Trade;
typedef struct {
    int32_t last_tick, span, symbols, ids, free;
    int64_t trades;
    int32_t *best, *map;
    uint64_t *words, *groups;
    Node *nodes;
    Level *levels;
    Trade *made;
} Book;

static inline int32_t next_place(const Book *b, int32_t place) {
    int32_t word = place >> 6;
    uint64_t bits = b->words[word] & (~0ull << (place & 63));
    if (!bits) {
        int32_t group = ++word >> 6;
        uint64_t busy = b->groups[group] & (~0ull << (word & 63));
        while (!busy) busy = b->groups[++group];
        word = (group << 6) + __builtin_ctzll(busy);
        bits = b->words[word];
    }
    return (word << 6) + __builtin_ctzll(bits);
}

static inline void mark(Book *b, int32_t place) {
    b->words[place >> 6] |= 1ull << (place & 63);
    b->groups[place >> 12] |= 1ull << (place >> 6 & 63);
}

static inline void unmark(Book *b, int32_t place) {
    if (!(b->words[place >> 6] &= ~(1ull << (place & 63)))) b->groups[place >> 12] &= ~(1ull << (place >> 6 & 63));
}

static inline void give_back(Book *b, int32_t n) {
    b->nodes[n].id = -1;
    b->nodes[n].next = b->free;
    b->free = n;
}

static inline int32_t cancel(Book *b, int32_t id) {
    if (id < 0 || id >= b->ids) return 0;
    int32_t n = b->map[id];
    Node *node = b->nodes + n;
    if (node->id != id) return 0;
    int32_t before = node->prev, after = node->next, lots = node->lots, place = node->place;
    Level *level = b->levels + place;
    level->lots -= lots;
    if (before) b->nodes[before].next = after; else level->first = after;
    if (after) b->nodes[after].prev = before; else level->last = before;
    give_back(b, n);
    if (!before && !after) {
        unmark(b, place);
        int32_t side = place / b->span;
        if (place == b->best[side]) b->best[side] = next_place(b, place);
    }
    return lots;
}

static inline int32_t reduce(Book *b, int32_t id, int32_t by) {
    if (id < 0 || id >= b->ids || by <= 0) return 0;
    Node *node = b->nodes + b->map[id];
    if (node->id != id) return 0;
    if (by >= node->lots) return cancel(b, id);
    node->lots -= by;
    b->levels[node->place].lots -= by;
    return by;
}

static inline int32_t take(Book *b, int32_t side, int32_t limit, int32_t lots, int32_t taker) {
    int32_t place = b->best[side], start = side * b->span;
    Trade *trade = b->made + b->trades;
    while (lots && place <= limit) {
        Level *level = b->levels + place;
        int32_t tick = side & 1 ? place - start : start + b->last_tick - place, n = level->first;
        while (lots && n) {
            Node *node = b->nodes + n;
            int32_t waiting = node->lots, dealt = lots < waiting ? lots : waiting;
            *trade++ = (Trade){taker, node->id, tick, dealt};
            lots -= dealt;
            level->lots -= dealt;
            if (dealt < waiting) {
                node->lots = waiting - dealt;
            } else {
                int32_t after = node->next;
                give_back(b, n);
                n = after;
            }
        }
        level->first = n;
        if (n) {
            b->nodes[n].prev = 0;
        } else {
            level->last = 0;
            unmark(b, place);
            b->best[side] = place = next_place(b, place);
        }
    }
    b->trades = trade - b->made;
    return lots;
}

static inline int32_t submit(Book *b, int32_t kind, int32_t side, int32_t symbol, int32_t tick, int32_t lots, int32_t id) {
    int32_t last = b->last_tick;
    if (kind == MARKET) tick = side ? 0 : last;
    if (tick < 0 || tick > last || lots <= 0 || symbol >= b->symbols || id < 0 || id >= b->ids) return REJECTED;
    int32_t key = side ? last - tick : tick, own = 2 * symbol + side, maker = own ^ 1, limit = maker * b->span + key;
    if (b->best[maker] <= limit) {
        if (kind == FOK) {
            int64_t found = 0;
            for (int32_t place = b->best[maker]; place <= limit && found < lots; place = next_place(b, place + 1))
                found += b->levels[place].lots;
            if (found < lots) return lots;
        }
        if (!(lots = take(b, maker, limit, lots, id))) return 0;
    }
    if (kind != LIMIT) return lots;
    int32_t n = b->free, place = own * b->span + last - key;
    Node *node = b->nodes + n;
    Level *level = b->levels + place;
    b->free = node->next;
    int32_t before = level->last;
    *node = (Node){.next = 0, .prev = before, .lots = lots, .id = id, .place = place};
    level->lots += lots;
    level->last = n;
    if (before) {
        b->nodes[before].next = n;
    } else {
        level->first = n;
        mark(b, place);
        if (place < b->best[own]) b->best[own] = place;
    }
    b->map[id] = n;
    return lots;
}

/* Zeros from the beginning of a cache line on: no record lies across two lines. */
static void *room(size_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    void *at = aligned_alloc(64, bytes);
    return at ? memset(at, 0, bytes) : at;
}

void *reference_new(int32_t ticks, int32_t symbols, int32_t ids, int32_t nodes) {
    Book *b = calloc(1, sizeof *b);
    if (!b) return 0;
    b->last_tick = ticks - 1;
    b->span = (ticks / 64 + 1) * 64;
    b->symbols = symbols;
    b->ids = ids;
    int64_t places = 2ll * symbols * b->span;
    b->best = room((size_t)(2 * symbols) * sizeof *b->best);
    b->map = room((size_t)(ids) * sizeof *b->map);
    b->words = room((size_t)(places / 64) * sizeof *b->words);
    b->groups = room((size_t)(places / 4096 + 1) * sizeof *b->groups);
    b->nodes = room((size_t)(nodes) * sizeof *b->nodes);
    b->levels = room((size_t)(places) * sizeof *b->levels);
    b->made = room((size_t)((size_t)ids + nodes) * sizeof *b->made);
    if (!b->best || !b->map || !b->words || !b->groups || !b->nodes || !b->levels || !b->made) return 0;
    b->nodes[0].id = -1;
    for (int32_t n = 1; n < nodes; n++) b->nodes[n].next = n + 1 < nodes ? n + 1 : 0;
    b->free = nodes > 1;
    for (int32_t side = 0; side < 2 * symbols; side++) mark(b, b->best[side] = side * b->span + ticks);
    return b;
}

int64_t reference_run(Book *b, const int32_t *events, int32_t *results, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const int32_t *event = events + 4 * i;
        int32_t what = event[0], kind = what & 255;
        if (kind == CANCEL) results[i] = cancel(b, event[3]);
        else if (kind == REDUCE) results[i] = reduce(b, event[3], event[1]);
        else if (kind > REDUCE) results[i] = REJECTED;
        else results[i] = submit(b, kind, what >> 8 & 1, what >> 16 & 0xFFFF, event[2], event[1], event[3]);
    }
    return b->trades;
}

const int32_t *reference_trades(const Book *b) { return (const int32_t *)b->made; }

void reference_free(Book *b) {
    free(b->best), free(b->map), free(b->words), free(b->groups), free(b->nodes), free(b->levels), free(b->made), free(b);
}
