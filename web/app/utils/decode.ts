/** Bytes of a text file as text: by its byte order mark, else UTF-8, else what Windows wrote before that. A cut last character is left out. */
export function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xFF && bytes[1] === 0xFE) return new TextDecoder('utf-16le').decode(bytes)
  if (bytes[0] === 0xFE && bytes[1] === 0xFF) return new TextDecoder('utf-16be').decode(bytes)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
  }
  catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** A text in pieces of whole lines, so that a browser lays out only those in view. */
export function chunks(text: string, lines = 200): string[] {
  const found: string[] = []
  let from = 0
  for (let at = text.indexOf('\n'), count = 1; at >= 0; at = text.indexOf('\n', at + 1), count += 1) {
    if (count % lines !== 0) continue
    found.push(text.slice(from, at + 1))
    from = at + 1
  }
  if (from < text.length || found.length === 0) found.push(text.slice(from))
  return found
}
