import type { Schemas } from '~/utils/types'

export type Webhook = Schemas['Webhook']
export type Delivery = Schemas['Delivery']
export type WholeDelivery = Schemas['WholeDelivery']

/** Families of events that a webhook can be narrowed to; the label is `webhooks.family_<name>`. */
export const EVENT_FAMILIES = ['document', 'version', 'folder', 'task', 'member', 'link'] as const

export type WebhookHealth = 'well' | 'failing' | 'gone' | 'off'
export function webhookHealth(webhook: Webhook): WebhookHealth {
  if (webhook.disabled_reason) return webhook.disabled_reason === 'gone' ? 'gone' : 'failing'
  if (!webhook.active) return 'off'
  return webhook.failing_since ? 'failing' : 'well'
}

export const WEBHOOK_LOOKS: Record<WebhookHealth, { icon: string, color: string }> = {
  well: { icon: 'i-lucide-circle-check', color: 'text-success' },
  failing: { icon: 'i-lucide-triangle-alert', color: 'text-warning' },
  gone: { icon: 'i-lucide-unlink', color: 'text-error' },
  off: { icon: 'i-lucide-circle-pause', color: 'text-muted' },
}
export const DELIVERY_LOOKS: Record<Delivery['state'], { icon: string, color: string }> = {
  delivered: { icon: 'i-lucide-circle-check', color: 'text-success' },
  waiting: { icon: 'i-lucide-clock', color: 'text-muted' },
  failed: { icon: 'i-lucide-circle-x', color: 'text-error' },
}
