import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Plain modules and composables, with Vue's own functions imported by name: no Nuxt is started.
export default defineConfig({
  resolve: { alias: { '~': fileURLToPath(new URL('./app', import.meta.url)) } },
  test: { environment: 'happy-dom', include: ['tests/**/*.test.ts'] },
})
