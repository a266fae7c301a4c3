import type { Config, DOMPurify } from 'dompurify'

/** Only what a text is made of: nothing that runs, loads, submits, or looks like a part of the portal. */
const CLEAN: Config = {
  ALLOWED_TAGS: [
    ...['h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'p', 'br', 'hr', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'a', 'em', 'strong', 'del', 's', 'b', 'i', 'u'],
    ...['sub', 'sup', 'kbd', 'mark', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'dl', 'dt', 'dd', 'details', 'summary', 'span', 'div'],
  ],
  ALLOWED_ATTR: ['href', 'title', 'start', 'colspan', 'rowspan', 'open', 'align'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
}

let cleaner: DOMPurify | undefined

async function load() {
  const [{ marked }, { default: purify }] = await Promise.all([import('marked'), import('dompurify')])
  if (!cleaner) {
    cleaner = purify(window)
    // Out of the portal, without telling where from, and without a handle on its window.
    cleaner.addHook('afterSanitizeAttributes', (node) => {
      if (node.tagName !== 'A') return
      if (!node.hasAttribute('href')) return
      node.setAttribute('target', '_blank')
      node.setAttribute('rel', 'noopener noreferrer nofollow')
    })
  }
  return { marked, cleaner }
}

/** Markdown as HTML that is safe to show in the portal. A picture becomes its description: it would be loaded from elsewhere. */
export async function safeMarkdown(text: string): Promise<string> {
  const { marked, cleaner } = await load()
  const html = await marked.parse(text, { gfm: true, async: true })
  return cleaner.sanitize(html.replace(/<img\b[^>]*?(?:\balt="([^"]*)")?[^>]*>/gi, (_, alt) => (alt ? `<em>${alt}</em>` : '')), CLEAN)
}
