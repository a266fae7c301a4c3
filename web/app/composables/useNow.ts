let now: Ref<number> | undefined

/** The time, moving on every half minute; one clock for the whole page. */
export function useNow(): Readonly<Ref<number>> {
  if (!now) {
    now = ref(Date.now())
    setInterval(() => (now!.value = Date.now()), 30_000)
  }
  return now
}
