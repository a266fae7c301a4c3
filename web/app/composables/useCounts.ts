type Counts = Schemas['HomeCounts']
const PAUSE = 1500

/** How many things wait for one, for the rail and the bar; follows what happens. Missing figures are left out. */
export const useCounts = () => useState<Counts | null>('counts', () => null)

/** Keeps the counts true. Mounted once, by the frame. */
export function useCountsLive() {
  const counts = useCounts()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function load() {
    const home = await ok(useApi().GET('/api/v1/home')).catch(() => null)
    if (home) counts.value = home.counts
  }
  useLive((event) => {
    if (event.type !== 'notice' && !event.type.startsWith('task.')) return
    clearTimeout(timer)
    timer = setTimeout(() => void load(), PAUSE)
  })
  onMounted(load)
  onBeforeUnmount(() => clearTimeout(timer))
}
