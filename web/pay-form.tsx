import type { RefObject } from 'preact'
import type { Carried } from './fragment.ts'
import { readCarried } from './fragment.ts'
import { Scanner } from './scan/scanner.tsx'
import { useTexts } from './view/language-context.tsx'

/** As it was typed or scanned. */
export interface Asked {
  orderId: string
  code: string
}

interface PayFormProps {
  asked: Asked
  isBusy: boolean
  orderField: RefObject<HTMLInputElement | null>
  onChange(asked: Asked): void
  onAsk(asked: Asked): void
  onClear(): void
  onVoucher(carried: Extract<Carried, { kind: 'voucher' }>): void
}

export function PayForm({ asked, isBusy, orderField, onChange, onAsk, onClear, onVoucher }: PayFormProps) {
  const { t } = useTexts()
  return (
    <section class="panel screen">
      <form
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault()
          onAsk(asked)
        }}
      >
        <div class="field">
          <label for="order">{t('pay.orderId')}</label>
          <input
            id="order"
            ref={orderField}
            value={asked.orderId}
            required
            maxLength={384}
            spellcheck={false}
            autocapitalize="off"
            aria-describedby="order-hint"
            onInput={(event) => onChange({ ...asked, orderId: event.currentTarget.value })}
          />
          <p id="order-hint" class="hint">
            {t('pay.orderIdHint')}
          </p>
        </div>
        <div class="field">
          <label for="code">{t('pay.code')}</label>
          <input
            id="code"
            class="code"
            value={asked.code}
            maxLength={200}
            spellcheck={false}
            autocapitalize="characters"
            aria-describedby="code-hint"
            onInput={(event) => onChange({ ...asked, code: event.currentTarget.value })}
          />
          <p id="code-hint" class="hint">
            {t('pay.codeHint')}
          </p>
        </div>
        <div class="actions">
          <button type="submit" disabled={isBusy}>
            {t('pay.show')}
          </button>
          <button type="button" class="quiet" onClick={onClear}>
            {t('pay.clear')}
          </button>
        </div>
      </form>
      <Scanner
        scanText="pay.scan"
        pictureText="pay.picture"
        onText={(text) => {
          const carried = readCarried(text)
          if (carried === undefined) return 'scan.otherCode'
          if (carried.kind === 'voucher') onVoucher(carried)
          else onAsk({ orderId: carried.orderId, code: carried.code })
          return undefined
        }}
      />
    </section>
  )
}
