/** Which lines are chosen and which one the keyboard is at, as in a file manager. Lines are known by id; the list says their order. */
export function useSelection(list: { indexOf: (id: string | null) => number, idAt: (index: number) => string | undefined, count: Readonly<Ref<number>> }) {
  const chosen = shallowRef<ReadonlySet<string>>(new Set())
  const active = ref<string | null>(null)
  let anchor: string | null = null
  let base: ReadonlySet<string> = new Set()

  const isChosen = (id: string) => chosen.value.has(id)
  const size = computed(() => chosen.value.size)

  function clear() {
    chosen.value = new Set()
    anchor = null
  }
  function toggle(id: string) {
    const next = new Set(chosen.value)
    if (!next.delete(id)) next.add(id)
    chosen.value = next
    active.value = id
    anchor = id
    base = next
  }
  /** From the anchor (where the last single choice was) to this one, besides what was chosen before. */
  function extendTo(id: string) {
    if (anchor === null || list.indexOf(anchor) < 0) {
      anchor = active.value ?? id
      base = chosen.value
    }
    const [from, to] = [list.indexOf(anchor), list.indexOf(id)].sort((a, b) => a - b) as [number, number]
    const next = new Set(base)
    for (let at = from; at <= to; at += 1) next.add(list.idAt(at)!)
    chosen.value = next
    active.value = id
  }
  function chooseAll() {
    chosen.value = new Set(Array.from({ length: list.count.value }, (_, at) => list.idAt(at)!))
  }
  /** Move the keyboard's line; the id of the new one. */
  function moveTo(index: number, extend = false): string | undefined {
    const id = list.idAt(Math.min(Math.max(index, 0), list.count.value - 1))
    if (!id) return undefined
    if (extend) extendTo(id)
    else {
      active.value = id
      anchor = null
    }
    return id
  }
  /** Forget what is gone; the keyboard's line goes to its neighbour. */
  function forget(ids: readonly string[]) {
    const gone = new Set(ids)
    if (active.value && gone.has(active.value)) {
      const at = list.indexOf(active.value)
      const neighbour = (from: number, by: number) => {
        let index = from
        while (gone.has(list.idAt(index) ?? '')) index += by
        return list.idAt(index)
      }
      active.value = neighbour(at, 1) ?? neighbour(at, -1) ?? null
    }
    chosen.value = new Set([...chosen.value].filter(id => !gone.has(id)))
  }
  return { chosen, active, size, isChosen, clear, toggle, extendTo, chooseAll, moveTo, forget }
}
export type RowSelection = ReturnType<typeof useSelection>
