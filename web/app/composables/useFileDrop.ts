/** Files dragged over the page: how many, and over which line of the list they are. Outside of lines they are for the folder. */
export function useFileDrop(onDrop: (files: Promise<PickedAll>, rowId: string | null) => void, allowed: () => boolean) {
  const count = ref(0)
  const rowId = ref<string | null>(null)

  const rowUnder = (event: DragEvent) => (event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]')?.dataset.row ?? null : null)
  function over(event: DragEvent) {
    const dragged = draggedFiles(event.dataTransfer)
    if (!dragged) return
    event.preventDefault()
    count.value = dragged
    rowId.value = allowed() ? rowUnder(event) : null
    event.dataTransfer!.dropEffect = allowed() ? 'copy' : 'none'
  }
  function leave(event: DragEvent) {
    if (event.relatedTarget === null) count.value = 0
  }
  function drop(event: DragEvent) {
    if (!draggedFiles(event.dataTransfer)) return
    event.preventDefault()
    count.value = 0
    if (allowed()) onDrop(pickedFromDrop(event.dataTransfer!), rowUnder(event))
  }
  const listeners = { dragenter: over, dragover: over, dragleave: leave, drop } as const
  onMounted(() => {
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener as EventListener)
  })
  onBeforeUnmount(() => {
    for (const [name, listener] of Object.entries(listeners)) window.removeEventListener(name, listener as EventListener)
  })
  return { count, rowId }
}
