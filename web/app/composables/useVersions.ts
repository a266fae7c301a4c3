/** The versions of a document, newest first, page after page; and what can be done with one. */
export function useVersions(documentId: string) {
  const api = useApi()
  const items = shallowRef<Version[]>([])
  const next = ref<string | null>(null)
  const error = ref<unknown>(null)
  const loaded = ref(false)

  const page = (after?: string) => ok(api.GET('/api/v1/documents/{document_id}/versions', {
    params: { path: { document_id: documentId }, query: { limit: 100, after } },
  }))

  /** Read the newest ones; older ones that were read already stay. */
  async function load() {
    try {
      const got = await page()
      const oldest = got.items.at(-1)?.number ?? 1
      const kept = items.value.filter(each => each.number < oldest)
      if (kept.length === 0) next.value = got.next
      items.value = [...got.items, ...kept]
      loaded.value = true
      error.value = null
    }
    catch (fault) {
      error.value = fault
    }
  }

  async function more() {
    if (!next.value) return
    const got = await page(next.value)
    items.value = [...items.value, ...got.items]
    next.value = got.next
  }

  /** Read one that may be on none of the pages. */
  async function one(number: number): Promise<Version> {
    const known = items.value.find(each => each.number === number)
    if (known) return known
    return await ok(api.GET('/api/v1/documents/{document_id}/versions/{number}', { params: { path: { document_id: documentId, number } } }))
  }

  /** Make an old one current: a new version that names it. */
  const restore = (number: number, comment = '') => ok(api.POST('/api/v1/documents/{document_id}/versions/{number}/restore', {
    params: { path: { document_id: documentId, number } }, body: { comment },
  }))

  return { items, next, error, loaded, load, more, one, restore }
}

export type OpenVersions = ReturnType<typeof useVersions>

/** Where the bytes of a version are; a browser downloads them by itself. */
export const contentUrl = (documentId: string, number: number) => `/api/v1/documents/${documentId}/versions/${number}/content`
