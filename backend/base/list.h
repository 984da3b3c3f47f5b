/* SPDX-License-Identifier: MIT */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>
/* Intrusive doubly linked lists, circular through a head. A zeroed or initialised link is in no list, so that
 * list_remove() may be called twice without harm. */

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head || head->next == NULL;
}

static inline bool list_linked(const struct list *link)
{
    return link->next != NULL && link->next != link;
}

static inline void list_insert_after(struct list *at, struct list *link)
{
    link->prev = at;
    link->next = at->next;
    at->next->prev = link;
    at->next = link;
}

static inline void list_append(struct list *head, struct list *link)
{
    list_insert_after(head->prev, link);
}

static inline void list_prepend(struct list *head, struct list *link)
{
    list_insert_after(head, link);
}

static inline void list_remove(struct list *link)
{
    if (!link->next)
        return;
    link->prev->next = link->next;
    link->next->prev = link->prev;
    list_init(link);
}

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

/* for (each entry `e` of type `type` linked by `member` in `head`); the current entry may be removed in the body. */
#define list_for_each(e, head, type, member)                                                                    \
    for (type *e = container_of((head)->next, type, member),                                                    \
              *e##_next_ = container_of(e->member.next, type, member);                                          \
         &e->member != (head); e = e##_next_, e##_next_ = container_of(e->member.next, type, member))

#define list_first(head, type, member)                                                                          \
    (list_empty(head) ? NULL : container_of((head)->next, type, member))

#endif
