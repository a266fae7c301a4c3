import type { PDFDocumentProxy } from 'pdfjs-dist'

type Pdfjs = typeof import('pdfjs-dist')
let library: Promise<Pdfjs> | undefined

/** pdf.js, only once somebody opens a PDF; its worker is a file of our own address. */
export function loadPdfjs(): Promise<Pdfjs> {
  library ??= Promise.all([
    import('pdfjs-dist/legacy/build/pdf.mjs') as Promise<Pdfjs>,
    import('pdfjs-dist/legacy/build/pdf.worker.min.mjs?url') as Promise<{ default: string }>,
  ]).then(([pdfjs, worker]) => {
    pdfjs.GlobalWorkerOptions.workerSrc = worker.default
    return pdfjs
  }).catch((fault) => {
    library = undefined
    throw fault
  })
  return library
}

/** Why a PDF cannot be shown. */
export class PdfFault extends Error {
  constructor(readonly reason: 'broken' | 'locked' | 'unreachable') {
    super(reason)
  }
}

/** Open a PDF by ranges, so that the first page is there long before the last. Close it by `destroy()` of its loadingTask. */
export async function openPdf(url: string): Promise<PDFDocumentProxy> {
  const pdfjs = await loadPdfjs().catch(() => {
    throw new PdfFault('unreachable')
  })
  const open = () => pdfjs.getDocument({
    url,
    rangeChunkSize: 2 ** 17,
    disableAutoFetch: true,
    disableStream: true,
    cMapUrl: '/pdf/cmaps/',
    standardFontDataUrl: '/pdf/standard_fonts/',
    wasmUrl: '/pdf/wasm/',
    // The portal's policy forbids WebAssembly: pdf.js has slower decoders in plain JavaScript.
    useWasm: false,
    enableXfa: false,
    verbosity: pdfjs.VerbosityLevel.ERRORS,
  }).promise
  try {
    return await open()
  }
  catch (fault) {
    if ((fault as { status?: number }).status === 401 && await useSession().renew()) return await open().catch(refuse)
    return refuse(fault)
  }
}

function refuse(fault: unknown): never {
  const { name, status } = fault as { name?: string, status?: number }
  if (name === 'PasswordException') throw new PdfFault('locked')
  if (status === 404 || status === 403) throw new Problem(status, status === 404 ? 'not_found' : 'not_allowed', '')
  throw new PdfFault(name === 'InvalidPDFException' || name === 'FormatError' ? 'broken' : 'unreachable')
}

/** The text of each page, line by line. */
export async function textsOf(pdf: PDFDocumentProxy): Promise<string[]> {
  const texts: string[] = []
  for (let number = 1; number <= pdf.numPages; number += 1) {
    const { items } = await (await pdf.getPage(number)).getTextContent()
    texts.push(items.map(item => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join(''))
  }
  return texts
}
