/** What names are compared by: without case, in the order of code points, as the server does. */
export const nameKey = (name: string): string => name.normalize('NFC').toLowerCase()

/** The order of two names on the server; -1, 0 or 1. */
export function compareNames(a: string, b: string): number {
  return compareCodePoints(nameKey(a), nameKey(b))
}

/** UTF-16 order differs from UTF-8's beyond the basic plane; a surrogate stands for something above all of it. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (x !== y) return rank(x) < rank(y) ? -1 : 1
  }
  return Math.sign(a.length - b.length)
}

const rank = (unit: number) => (unit >= 0xD800 && unit <= 0xDFFF ? unit + 0x10000 : unit)

/** A name in two parts, so that a box for renaming selects what comes before the extension. */
export function stemLength(name: string): number {
  const found = /(?:\.tar)?\.[\p{L}\p{N}_]{1,12}$/u.exec(name)
  return found && found.index > 0 ? found.index : name.length
}
