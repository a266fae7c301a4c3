type Counts = Schemas['HomeCounts']
const PAUSE = 1500

/** How many things wait for one, for the rail and the bar; follows what happens. Missing figures are left out. */
export const useCounts = () => useState<Counts | null>('counts', () => null)

/** Keeps the counts true. Mounted once, by the frame. */
export function useCountsLive() {
  const counts = useCounts()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load() {
    const home = await readHome().catch(() => null)
    if (home) counts.value = home.counts
  }
  useLive((event) => {
    // Every stream begins with the count of notices: what is unread needs no request.
    if (event.type === 'notice' && counts.value) counts.value = { ...counts.value, unread: Number((event as unknown as { unread: number }).unread) }
    if (!event.type.startsWith('task.')) return
    clearTimeout(timer)
    timer = setTimeout(() => void load(), PAUSE)
  })
  onMounted(load)
  onBeforeUnmount(() => clearTimeout(timer))
}
