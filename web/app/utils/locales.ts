import type { en } from '@nuxt/ui/locale'
import { shallowRef } from 'vue'

interface Pack { ui: typeof en, texts: Record<string, unknown> }
const packs = import.meta.glob<Pack>('../locales/*/index.ts')

export type Locale = string
const codes: Locale[] = Object.keys(packs).map(path => path.split('/')[2]!)

/** The languages of the portal by code, each by its own name: a folder in `locales/` is a language. */
export const LOCALES: Readonly<Record<Locale, string>> = Object.fromEntries(codes.map((code) => {
  const name = new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code
  return [code, name.charAt(0).toLocaleUpperCase(code) + name.slice(1)]
}))

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

/** The component library's own texts, in the language that was loaded last. */
export const libraryTexts = shallowRef<typeof en>()

/** All texts of a language, in one request. */
export async function loadMessages(locale: Locale): Promise<Record<string, never>> {
  const { ui, texts } = await packs[`../locales/${locale}/index.ts`]!()
  libraryTexts.value = ui
  return Object.fromEntries(Object.entries(texts).map(([path, part]) => [path.slice(2, -5), part as never]))
}
