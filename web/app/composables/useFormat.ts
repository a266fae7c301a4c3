/** Sizes and times in the reader's language and zone. */
export function useFormat() {
  const { locale } = useLocale()
  return {
    size: (bytes: number) => formatSize(bytes, locale.value),
    ago: (at: string | Date) => formatRelative(at, locale.value),
    exact: (at: string | Date) => formatExact(at, locale.value),
    day: (at: string | Date) => formatDay(at, locale.value),
    number: (value: number) => value.toLocaleString(locale.value),
  }
}
