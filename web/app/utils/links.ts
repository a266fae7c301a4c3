import type { Schemas } from '~/utils/types'

export type Link = Schemas['Link']
export type LinkItem = Schemas['LinkItem']
export type LinkPlan = Schemas['Plan']
export type LinkPlace = Link['place']
export type LinkKind = LinkPlace['kind']

/** One thing to be typed of a place or its sign-in; its label is `integrations.field_<name>`. */
/** `as` is its name in the API, where it is another. */
export interface PlaceField { name: string, as?: string, optional?: boolean, secret?: boolean, choices?: readonly string[], example?: string }

interface Asked { place: readonly PlaceField[], secrets: readonly PlaceField[] }

/** The kinds of systems. `secrets` are sent as credentials and never come back. */
export const LINK_KINDS: Record<LinkKind, Asked & { icon: string }> = {
  graph: {
    icon: 'i-lucide-cloud',
    place: [
      { name: 'tenant', example: 'nordwind.example' },
      { name: 'client_id', example: '00000000-0000-0000-0000-000000000000' },
      { name: 'drive_id' },
      { name: 'folder_id', optional: true, example: 'root' },
      { name: 'cloud', choices: ['global', 'us', 'us_dod', 'china'] },
    ],
    secrets: [{ name: 'client_secret', secret: true }],
  },
  webdav: {
    icon: 'i-lucide-server',
    place: [{ name: 'url', example: 'https://cloud.example.com/remote.php/dav/files/dossier/Contracts' }],
    secrets: [{ name: 'username', optional: true }, { name: 'password', optional: true, secret: true }, { name: 'token', optional: true, secret: true }],
  },
  s3: {
    icon: 'i-lucide-database',
    place: [
      { name: 'bucket' },
      { name: 'prefix', optional: true, example: 'signed/' },
      { name: 'region', optional: true, example: 'eu-central-1' },
      { name: 'endpoint', optional: true, example: 'https://s3.example.com' },
    ],
    secrets: [{ name: 'access_key_id' }, { name: 'secret_access_key', secret: true }],
  },
  service: { icon: 'i-lucide-blocks', place: [], secrets: [] },
  folder: { icon: 'i-lucide-hard-drive', place: [{ name: 'path', example: '/srv/shares/acme/contracts' }], secrets: [] },
}

/** What the API takes as `options` of each service, and as its credentials. */
type Service = Extract<LinkPlace, { kind: 'service' }>['service']
const secret = (name: string, optional = false): PlaceField => ({ name, optional, secret: true })
const KEYS = [{ name: 'access_key_id' }, secret('secret_access_key')]
const PERSON = [{ name: 'username' }, secret('password')]
const APP = [secret('client_secret'), secret('refresh_token')]
const AZURE = [secret('account_key', true), secret('sas_token', true)]
const ENDPOINT = { name: 'service_endpoint', as: 'endpoint' }
const BUCKET = { name: 'bucket' }
const SERVICES: Record<Service, { options: readonly PlaceField[], secrets: readonly PlaceField[] }> = {
  azblob: { options: [{ name: 'container' }, { name: 'account_name' }, { ...ENDPOINT, optional: true }], secrets: AZURE },
  azdls: { options: [{ name: 'filesystem' }, { name: 'account_name' }, { ...ENDPOINT, optional: true }], secrets: AZURE },
  gcs: { options: [BUCKET], secrets: [secret('service_account')] },
  gdrive: { options: [{ name: 'client_id' }], secrets: APP },
  dropbox: { options: [{ name: 'client_id' }], secrets: APP },
  ftp: { options: [{ ...ENDPOINT, example: 'ftps://ftp.example.com' }], secrets: PERSON },
  b2: { options: [BUCKET, { name: 'bucket_id' }], secrets: KEYS },
  seafile: { options: [ENDPOINT, { name: 'repo_name' }], secrets: PERSON },
  cos: { options: [BUCKET, ENDPOINT], secrets: KEYS },
  obs: { options: [BUCKET, ENDPOINT], secrets: KEYS },
  oss: { options: [BUCKET, ENDPOINT], secrets: KEYS },
}
const SERVICE: PlaceField = { name: 'service', choices: Object.keys(SERVICES) }
const serviceOf = (values: Record<string, string>) => (values.service || SERVICE.choices![0]) as Service

/** What is asked for a place, with what was chosen so far. */
export function askedFor(kind: LinkKind, values: Record<string, string>): Asked {
  if (kind !== 'service') return LINK_KINDS[kind]
  const { options, secrets } = SERVICES[serviceOf(values)]
  return { place: [SERVICE, ...options, { name: 'root', optional: true, example: 'signed/2026' }], secrets }
}

/** The place that was typed, as the API takes it. */
export function typedPlace(kind: LinkKind, values: Record<string, string>): LinkPlace {
  if (kind !== 'service') return { kind, ...filled(values, LINK_KINDS[kind].place) } as LinkPlace
  const service = serviceOf(values)
  return { kind, service, root: (values.root ?? '').trim(), options: filled(values, SERVICES[service].options) }
}
/** What is asked for the sign-in at a place that there is. */
export const secretsOf = (place: LinkPlace) => askedFor(place.kind, place.kind === 'service' ? { service: place.service } : {}).secrets

/** How a link stands, as one word: which of it comes first is what a person has to act on first. */
export type LinkHealth = 'broken' | 'braked' | 'paused' | 'away' | 'attention' | 'working' | 'in_step'

export function healthOf(link: Link): LinkHealth {
  if (link.state !== 'active') return link.state
  if (link.trouble) return 'away'
  if (link.failed || link.conflicts) return 'attention'
  return link.waiting || !link.ran_at ? 'working' : 'in_step'
}

export const HEALTH: Record<LinkHealth, { icon: string, color: string }> = {
  in_step: { icon: 'i-lucide-circle-check', color: 'text-success' },
  working: { icon: 'i-lucide-refresh-cw', color: 'text-info' },
  attention: { icon: 'i-lucide-triangle-alert', color: 'text-warning' },
  away: { icon: 'i-lucide-cloud-off', color: 'text-warning' },
  paused: { icon: 'i-lucide-circle-pause', color: 'text-muted' },
  braked: { icon: 'i-lucide-octagon-pause', color: 'text-error' },
  broken: { icon: 'i-lucide-unlink', color: 'text-error' },
}

/** The place in one line, as people know it. */
export function placeLine(place: LinkPlace): string {
  switch (place.kind) {
    case 'folder': return place.path
    case 'webdav': return place.url
    case 's3': return `${place.bucket}/${place.prefix ?? ''}`
    case 'service': return [place.service, ...Object.values(place.options ?? {}), place.root].filter(Boolean).join(' · ')
    case 'graph': return `${place.tenant} · ${place.drive_id}${place.folder_id === 'root' ? '' : `/${place.folder_id}`}`
  }
}

/** How an item of a link stands. A conflict comes before all else. */
export type ItemHealth = 'conflict' | LinkItem['state']
export const itemHealth = (item: LinkItem): ItemHealth => (item.conflict ? 'conflict' : item.state)

export const ITEM_LOOKS: Record<ItemHealth, { icon: string, color: string }> = {
  conflict: { icon: 'i-lucide-git-fork', color: 'text-warning' },
  failed: { icon: 'i-lucide-circle-x', color: 'text-error' },
  waiting: { icon: 'i-lucide-clock', color: 'text-muted' },
  new: { icon: 'i-lucide-clock', color: 'text-muted' },
  held: { icon: 'i-lucide-hand', color: 'text-muted' },
  synced: { icon: 'i-lucide-circle-check', color: 'text-success' },
}

/** Values of a form without what was left empty. */
export function filled(values: Record<string, string>, fields: readonly PlaceField[]): Record<string, string> {
  return Object.fromEntries(fields.map(field => [field.as ?? field.name, (values[field.name] ?? '').trim()]).filter(([, value]) => value))
}
