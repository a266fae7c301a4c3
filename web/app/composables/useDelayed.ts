/**
 * Does `what` when it was not asked for again for `wait` ms, with the last arguments. Never once the person leaves the page:
 * what changes the address by then would take the place of where they go.
 */
export function useDelayed<A extends unknown[]>(wait: number, what: (...args: A) => void) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const cancel = () => clearTimeout(timer)
  onBeforeRouteLeave(cancel)
  onBeforeUnmount(cancel)
  function ask(...args: A) {
    cancel()
    timer = setTimeout(what, wait, ...args)
  }
  return { ask, cancel }
}
