/** What became of one of many. */
export type Outcome<T, R> = { item: T, value: R, error?: undefined } | { item: T, value?: undefined, error: unknown }

/** Do something with each, at most `width` at a time; what became of each, in order. */
export async function pooled<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<Outcome<T, R>[]> {
  const found: Outcome<T, R>[] = []
  let next = 0
  async function lane() {
    while (next < items.length) {
      const at = next++
      const item = items[at]!
      try {
        found[at] = { item, value: await work(item) }
      }
      catch (error) {
        found[at] = { item, error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
  return found
}
