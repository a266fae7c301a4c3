import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// Plain modules and composables, with Vue's own functions imported by name: no Nuxt is started.
// A test that needs a document says so in its first line: // @vitest-environment happy-dom
export default defineConfig({
  resolve: { alias: { '~': fileURLToPath(new URL('./app', import.meta.url)) } },
  test: { environment: 'node', include: ['tests/**/*.test.ts'] },
})
