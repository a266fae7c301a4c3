import type { Schemas } from '~/utils/types'

/** How a version can be shown, as the server says. */
export type Preview = Schemas['Preview']
const MOST_TEXT = 2_000_000

/** How a version is shown; asks again as long as something is being made. */
export function usePreview(documentId: () => string, number: () => number) {
  const preview = shallowRef<Preview | null>(null)
  const error = ref<unknown>(null)
  let timer: ReturnType<typeof setTimeout> | undefined
  let asked = 0

  async function load(tries = 0) {
    clearTimeout(timer)
    const mine = ++asked
    error.value = null
    try {
      const got = await previewOf(documentId(), number())
      if (mine !== asked) return
      preview.value = got
      if (got.state === 'making') timer = setTimeout(() => void load(tries + 1), Math.min(800 + tries * 400, 4000))
    }
    catch (fault) {
      if (mine === asked) error.value = fault
    }
  }

  watch([documentId, number], () => {
    preview.value = null
    void load()
  }, { immediate: true })
  onScopeDispose(() => {
    asked += 1
    clearTimeout(timer)
  })
  return { preview, error, load }
}

export function previewOf(documentId: string, number: number): Promise<Preview> {
  return ok(useApi().GET('/api/v1/documents/{document_id}/versions/{number}/preview', {
    params: { path: { document_id: documentId, number } },
  }))
}

/** The text of a version: its beginning where it is very long. */
export async function textOf(preview: Pick<Preview, 'url' | 'truncated'>): Promise<string> {
  const headers: HeadersInit = preview.truncated ? { Range: `bytes=0-${MOST_TEXT - 1}` } : {}
  const answer = await guarded(new Request(preview.url!, { headers }), useSession().renew).catch(() => {
    throw Problem.offline()
  })
  if (!answer.ok) throw Problem.from(await answer.json().catch(() => null), answer.status)
  return decoded(new Uint8Array(await answer.arrayBuffer()))
}
