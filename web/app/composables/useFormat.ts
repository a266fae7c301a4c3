/** Sizes and times in the reader's language and zone. */
export function useFormat() {
  const { locale } = useLocale()
  const region = computed(() => regionOf(locale.value, navigator.languages))
  return {
    size: (bytes: number) => formatSize(bytes, region.value),
    ago: (at: string | Date) => formatRelative(at, region.value),
    exact: (at: string | Date) => formatExact(at, region.value),
    day: (at: string | Date) => formatDay(at, region.value),
    number: (value: number) => value.toLocaleString(region.value),
  }
}
