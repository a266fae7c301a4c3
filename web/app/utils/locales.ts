/** The languages of the portal: one file each in `locales/`. A new one needs its file and its line here. */
export const LOCALES = { en: 'English', de: 'Deutsch' } as const
export type Locale = keyof typeof LOCALES

const files = import.meta.glob<Record<string, unknown>>('../locales/*/*.json', { import: 'default' })

/** The wanted language if there is one, else the first of the browser's that there is, else English. */
export function detectLocale(wanted: string | null, browser: readonly string[]): Locale {
  const known = (name: string | null): name is Locale => name !== null && name in LOCALES
  if (known(wanted)) return wanted
  return browser.map(tag => tag.split('-')[0] ?? '').find(known) ?? 'en'
}

/** The reader's own variety of a language, for dates and numbers: en-GB writes 24 Nov 2026. */
export function regionOf(locale: Locale, browser: readonly string[]): string {
  return browser.find(tag => tag === locale || tag.startsWith(`${locale}-`)) ?? locale
}

/** All texts of a language. */
export async function loadMessages(locale: Locale): Promise<Record<string, never>> {
  const wanted = Object.entries(files).filter(([path]) => path.startsWith(`../locales/${locale}/`))
  const parts = await Promise.all(wanted.map(async ([path, load]) => [path.split('/').pop()!.replace('.json', ''), await load()]))
  return Object.fromEntries(parts)
}
