/** A newer build, or a part of this one that is gone: said, never reloaded by itself, so that nothing typed is lost. */
export default defineNuxtPlugin((nuxt) => {
  const outdated = useOutdated()
  const tell = () => void (outdated.value = true)
  nuxt.hook('app:manifest:update', tell)
  nuxt.hook('app:chunkError', tell)
})
