/** Kinds of files as people name them, with icon and colour; the text is `documents.kind_<kind>`. */
export const FILE_KINDS = {
  folder: { icon: 'i-lucide-folder', color: 'text-primary' },
  pdf: { icon: 'i-lucide-file-text', color: 'text-error' },
  word: { icon: 'i-lucide-file-type', color: 'text-info' },
  sheet: { icon: 'i-lucide-file-spreadsheet', color: 'text-success' },
  slides: { icon: 'i-lucide-presentation', color: 'text-warning' },
  image: { icon: 'i-lucide-file-image', color: 'text-secondary' },
  text: { icon: 'i-lucide-file-text', color: 'text-muted' },
  mail: { icon: 'i-lucide-mail', color: 'text-muted' },
  audio: { icon: 'i-lucide-file-audio', color: 'text-muted' },
  video: { icon: 'i-lucide-file-video', color: 'text-muted' },
  archive: { icon: 'i-lucide-file-archive', color: 'text-muted' },
  other: { icon: 'i-lucide-file', color: 'text-muted' },
} as const
export type Kind = keyof typeof FILE_KINDS

const OFFICE: Record<string, Kind> = {
  'msword': 'word',
  'vnd.openxmlformats-officedocument.wordprocessingml.document': 'word',
  'vnd.oasis.opendocument.text': 'word',
  'rtf': 'word',
  'vnd.ms-excel': 'sheet',
  'vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'sheet',
  'vnd.oasis.opendocument.spreadsheet': 'sheet',
  'vnd.ms-powerpoint': 'slides',
  'vnd.openxmlformats-officedocument.presentationml.presentation': 'slides',
  'vnd.oasis.opendocument.presentation': 'slides',
}
const ARCHIVES = /zip|x-tar|gzip|x-7z|x-rar|vnd\.rar|x-bzip|x-xz|zstd/

/** The kind of a media type. */
export function kindOf(mediaType: string): Kind {
  const [family = '', sub = ''] = mediaType.toLowerCase().split(';')[0]!.split('/')
  if (sub === 'pdf') return 'pdf'
  if (sub in OFFICE) return OFFICE[sub]!
  if (sub === 'csv') return 'sheet'
  if (family === 'message' || sub === 'vnd.ms-outlook') return 'mail'
  if (family === 'image' || family === 'audio' || family === 'video' || family === 'text') return family
  if (ARCHIVES.test(sub)) return 'archive'
  return /json|xml|javascript|yaml/.test(sub) ? 'text' : 'other'
}

/** What the filter "type" offers, each with what the API takes for `type`. */
export const TYPE_FILTERS = [
  { kind: 'pdf', type: 'application/pdf' },
  { kind: 'word', type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document' },
  { kind: 'sheet', type: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet' },
  { kind: 'slides', type: 'application/vnd.openxmlformats-officedocument.presentationml.presentation' },
  { kind: 'image', type: 'image/' },
  { kind: 'text', type: 'text/' },
  { kind: 'audio', type: 'audio/' },
  { kind: 'video', type: 'video/' },
  { kind: 'archive', type: 'application/zip' },
] as const satisfies readonly { kind: Kind, type: string }[]
