import type { PDFDocumentProxy } from 'pdfjs-dist'

export interface Side { kind: Preview['kind'], url: string, text: string | null, pages: string[], pdf: PDFDocumentProxy | null }

/** Two versions side by side: what of them can be compared, and how they differ. */
export function useComparison(documentId: string, before: () => number, after: () => number) {
  const previews = [usePreview(() => documentId, before), usePreview(() => documentId, after)] as const
  const sides = shallowRef<[Side, Side] | null>(null)
  const blocks = shallowRef<Block[] | null>(null)
  const state = ref<'loading' | 'making' | 'ready' | 'unfit' | 'failed'>('loading')
  const error = ref<unknown>(null)
  let turn = 0

  watch([previews[0].preview, previews[1].preview, previews[0].error, previews[1].error], ([one, two, faultOne, faultTwo]) => {
    error.value = faultOne ?? faultTwo
    if (error.value) state.value = 'failed'
    else if (!one || !two) state.value = 'loading'
    else if (one.state === 'making' || two.state === 'making') state.value = 'making'
    else if (!fits(one, two)) state.value = 'unfit'
    else void open(one, two)
  }, { immediate: true })

  async function open(one: Preview, two: Preview) {
    const mine = ++turn
    close()
    state.value = 'loading'
    try {
      const opened = await Promise.all([sideOf(one), sideOf(two)])
      if (mine !== turn) return opened.forEach(side => void side.pdf?.loadingTask.destroy())
      sides.value = opened
      blocks.value = opened[0].text === null || opened[1].text === null ? null : await differ(opened[0].text, opened[1].text)
      if (mine === turn) state.value = 'ready'
    }
    catch (fault) {
      if (mine !== turn) return
      error.value = fault
      state.value = fault instanceof PdfFault && fault.reason !== 'unreachable' ? 'unfit' : 'failed'
    }
  }

  function close() {
    sides.value?.forEach(side => void side.pdf?.loadingTask.destroy())
    sides.value = null
    blocks.value = null
  }
  function retry() {
    error.value = null
    previews.forEach(each => void each.load())
  }
  onScopeDispose(() => {
    turn += 1
    close()
  })
  return { sides, blocks, state, error, retry }
}

const hasText = (kind: Preview['kind']) => kind !== 'none' && kind !== 'image'
const fits = (one: Preview, two: Preview) => one.url !== null && two.url !== null
  && ((hasText(one.kind) && hasText(two.kind)) || (one.kind === 'image' && two.kind === 'image'))

async function sideOf(preview: Preview): Promise<Side> {
  const { kind } = preview
  const url = preview.url!
  if (kind === 'image') return { kind, url, text: null, pages: [], pdf: null }
  if (kind !== 'pdf') return { kind, url, text: (await textOf(preview)).replaceAll('\r\n', '\n'), pages: [], pdf: null }
  const pdf = await openPdf(url)
  const pages = await textsOf(pdf)
  return { kind, url, text: pages.map(page => (page.endsWith('\n') || page === '' ? page : `${page}\n`)).join(''), pages, pdf }
}

/** Compare two texts without holding up the page for long; null where they differ too much for that. */
async function differ(before: string, after: string): Promise<Block[] | null> {
  const { diffLines, diffWordsWithSpace } = await import('diff')
  return blocksOf(before, after, {
    lines: (one, two) => diffLines(one, two, { timeout: 4000 }),
    words: (one, two) => diffWordsWithSpace(one, two, { timeout: 300 }),
  })
}
