type NewWebhook = Schemas['NewWebhook']
type WebhookChange = Schemas['WebhookChange']
export type DeliveryView = 'all' | Delivery['state']

/** Addresses that are told what happens. For owners. */
export function useWebhooks() {
  const api = useApi()
  const list = useList<Webhook>(after => ok(api.GET('/api/v1/webhooks', { params: { query: { after, limit: 200 } } })))

  /** The secret of the answer is shown once: nobody can read it again. Raises a Problem. */
  async function make(body: NewWebhook): Promise<string> {
    const made = await ok(api.POST('/api/v1/webhooks', { body }))
    await list.load()
    return made.secret
  }
  return { ...list, make }
}

/** One webhook, what was sent to it, and the verbs. */
export function useWebhook(id: string) {
  const api = useApi()
  const params = { path: { webhook_id: id } }
  const { one: webhook, error, load } = useOne<Webhook>(() => ok(api.GET('/api/v1/webhooks/{webhook_id}', { params })))
  /** Raises a Problem, as those below. */
  async function change(body: WebhookChange) {
    webhook.value = await ok(api.PATCH('/api/v1/webhooks/{webhook_id}', { params, body }))
  }
  async function rotate(hours: number): Promise<string> {
    const made = await ok(api.POST('/api/v1/webhooks/{webhook_id}/rotate', { params, body: { overlap_hours: hours } }))
    await load()
    return made.secret
  }
  const remove = () => ok(api.DELETE('/api/v1/webhooks/{webhook_id}', { params }))
  const test = () => ok(api.POST('/api/v1/webhooks/{webhook_id}/test', { params }))
  return { webhook, error, load, change, rotate, remove, test }
}

/** What was sent to a webhook, newest first. */
export function useDeliveries(id: string, view: Ref<DeliveryView>) {
  const api = useApi()
  const tell = useTell()
  const { t } = useLocale()
  const list = usePaged<Delivery>(view, after => ok(api.GET('/api/v1/webhooks/{webhook_id}/deliveries', {
    params: { path: { webhook_id: id }, query: { state: view.value === 'all' ? undefined : view.value, after, limit: 50 } },
  })))
  /** With what was sent and what came back. Raises a Problem. */
  const whole = (delivery: string) =>
    ok(api.GET('/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}', { params: { path: { webhook_id: id, delivery_id: delivery } } }))
  async function again(delivery: Delivery) {
    const params = { path: { webhook_id: id, delivery_id: delivery.id } }
    try {
      await ok(api.POST('/api/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/replay', { params }))
      tell.done(t('webhooks.sent_again'))
      await list.load()
    }
    catch (fault) {
      tell.failed(t('webhooks.not_sent_again'), fault)
    }
  }
  return { ...list, whole, again }
}
