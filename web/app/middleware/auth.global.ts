const OPEN = ['/sign-in', '/setup', '/join', '/forgot', '/reset']

/** Nobody gets to a page without a sign-in, but comes back to it after. */
export default defineNuxtRouteMiddleware(async (to) => {
  if (OPEN.includes(to.path)) return
  const session = useSession()
  if (session.me.value) return
  try {
    if (await session.load()) return
  }
  catch {
    return abortNavigation(createError({ statusCode: 503, statusMessage: 'unreachable', fatal: true }))
  }
  const next = to.fullPath === '/' ? undefined : to.fullPath
  return navigateTo({ path: '/sign-in', query: { next } })
})
