const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 31_536_000], ['month', 2_592_000], ['week', 604_800], ['day', 86_400], ['hour', 3600], ['minute', 60],
]

/** A size as people read it: 1.2 MB (steps of 1000). */
export function formatSize(bytes: number, locale: string): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 10 ? 0 : 1
  return `${value.toLocaleString(locale, { maximumFractionDigits: digits })} ${UNITS[unit]}`
}

/** How long ago or ahead, in words. */
export function formatRelative(at: string | Date, locale: string, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit)
  }
  return words.format(0, 'second')
}

/** Day and time in the reader's zone. */
export function formatExact(at: string | Date, locale: string): string {
  return new Date(at).toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'short' })
}

/** The day alone. */
export function formatDay(at: string | Date, locale: string): string {
  return new Date(at).toLocaleDateString(locale, { dateStyle: 'medium' })
}
