import { fileURLToPath } from 'node:url'

const pdfjs = fileURLToPath(new URL('./node_modules/pdfjs-dist', import.meta.url))

// The portal: built as static files and served by the API process or by nginx. Nothing is loaded from another host.
export default defineNuxtConfig({
  modules: ['@nuxt/ui', '@nuxt/eslint'],
  ssr: false,
  // Components are named by their file alone: the folder is for people.
  components: [{ path: '~/components', pathPrefix: false }],
  imports: { dirs: ['composables/**', 'utils/**'] },
  devtools: { enabled: false },
  app: {
    head: {
      title: 'Dossier',
      meta: [
        { name: 'viewport', content: 'width=device-width, initial-scale=1' },
        { name: 'color-scheme', content: 'light dark' },
      ],
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  css: ['~/assets/css/main.css'],
  ui: { fonts: false, theme: { colors: ['primary', 'secondary', 'success', 'info', 'warning', 'error'] } },
  buildDir: process.env.PORTAL_BUILD ? `${process.env.PORTAL_BUILD}/nuxt` : '.nuxt',
  experimental: {
    // A part of an old build that is gone is said (plugins/02.outdated), not answered by a reload that loses what was typed.
    emitRouteChunkError: 'manual',
    checkOutdatedBuildInterval: 10 * 60 * 1000,
    defaults: { nuxtLink: { prefetchOn: { visibility: false, interaction: true } } },
  },
  compatibilityDate: '2026-11-01',
  nitro: {
    ...(process.env.PORTAL_BUILD ? { output: { dir: `${process.env.PORTAL_BUILD}/output` } } : {}),
    // What pdf.js fetches for PDFs that need it: character maps, standard fonts, decoders.
    publicAssets: ['cmaps', 'standard_fonts', 'wasm'].map(name => (
      { dir: `${pdfjs}/${name}`, baseURL: `/pdf/${name}`, maxAge: 0, ignore: ['*.wasm', 'quickjs*'] })),
    compressPublicAssets: { gzip: true, brotli: true }, prerender: { routes: ['/'], crawlLinks: false },
  },
  vite: {
    server: { proxy: { '/api': { target: process.env.DOSSIER_URL ?? 'http://127.0.0.1:8000' } } },
    build: { chunkSizeWarningLimit: 1200 },
    optimizeDeps: { exclude: ['pdfjs-dist'] },
  },
  typescript: { strict: true, typeCheck: false },
  telemetry: false,
  hooks: {
    // What other screens need is fetched when a link to them is hovered, not behind the first view.
    'build:manifest': manifest => Object.values(manifest).forEach(file => (file.prefetch = false)),
  },
  eslint: { config: { stylistic: { quotes: 'single', semi: false } } },
  icon: { provider: 'none', fallbackToApi: false, clientBundle: { scan: { globInclude: ['app/**/*.{vue,ts}'] }, sizeLimitKb: 512 } },
})
