interface PageOf<T> { items: T[], next: string | null }

/** All items of a short list, page after page: what an administrator sees at once. */
export function useList<T extends { id: string }>(fetchPage: (after?: string) => Promise<PageOf<T>>) {
  const items = ref([]) as Ref<T[]>
  const state = ref<'loading' | 'done' | 'failed'>('loading')
  const error = ref<unknown>(null)

  async function load() {
    if (state.value === 'failed') state.value = 'loading'
    try {
      const all: T[] = []
      let after: string | undefined
      do {
        const page = await fetchPage(after)
        all.push(...page.items)
        after = page.next ?? undefined
      } while (after)
      items.value = all
      state.value = 'done'
    }
    catch (fault) {
      error.value = fault
      // What is on the screen stays there when a later look fails.
      if (state.value !== 'done') state.value = 'failed'
    }
  }
  const put = (item: T) => {
    const there = items.value.some(each => each.id === item.id)
    items.value = there ? items.value.map(each => (each.id === item.id ? item : each)) : [...items.value, item]
  }
  const drop = (id: string) => (items.value = items.value.filter(each => each.id !== id))
  return { items, state, error, load, put, drop }
}
