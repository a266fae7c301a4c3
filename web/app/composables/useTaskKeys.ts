/** `j` and `k` go from task to task, `e` marks the one in focus as done or opens it again. Works on whatever shows `[data-task]`. */
export function useTaskKeys() {
  const { setStatus } = useTasks()

  const rows = () => [...document.querySelectorAll<HTMLElement>('#main [data-task]')]
  function move(step: number) {
    const all = rows()
    const at = all.findIndex(row => row.contains(document.activeElement))
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]
    next?.querySelector<HTMLElement>('[data-task-title]')?.focus()
    next?.scrollIntoView({ block: 'nearest' })
  }
  function finish() {
    const id = (document.activeElement?.closest<HTMLElement>('[data-task]'))?.dataset.task
    const task = id ? heldTask(id) : null
    if (task) void setStatus(task, isOpenTask(task) ? 'done' : 'open')
  }
  const does: Record<string, () => void> = { j: () => move(1), k: () => move(-1), e: finish }

  function onKey(event: KeyboardEvent) {
    const run = singleKey(event) ? does[event.key] : undefined
    if (!run) return
    event.preventDefault()
    run()
  }
  onMounted(() => window.addEventListener('keydown', onKey))
  onBeforeUnmount(() => window.removeEventListener('keydown', onKey))
}
