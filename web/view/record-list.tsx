import type { ComponentChildren } from 'preact'
import type { PaymentRecord } from '../../protocol/payments/payment-record.ts'
import { formatAmount, formatField, formatPaidAt } from '../language/format.ts'
import { categoryIn } from '../language/language.ts'
import { useTexts } from './language-context.tsx'

/** Everything that a record says. */
export function RecordList({ record, children }: { record: PaymentRecord; children?: ComponentChildren }) {
  const { language, t } = useTexts()
  const { kind, category, period, amountMinor, currency, paidAt, authority, payerTag, fields } = record
  return (
    <dl class="record">
      <Row name={t('version.kind')}>
        {t(`kind.${kind}`)} <span class="note">{t(`kind.${kind}.meaning`)}</span>
      </Row>
      <Row name={t('version.amount')}>
        <strong class="amount">{formatAmount(language, amountMinor, currency)}</strong>
      </Row>
      <Row name={t('version.category')}>{categoryIn(language, category)}</Row>
      <Row name={t('version.period')}>{period === '' ? t('version.none') : period}</Row>
      <Row name={t('version.paidAt')}>{formatPaidAt(language, paidAt)}</Row>
      <Row name={t('version.authority')}>{authority}</Row>
      {payerTag !== undefined && <Row name={t('version.payerTag')}>{payerTag}</Row>}
      {Object.entries(fields ?? {}).map(([name, value]) => (
        <Row key={name} name={name}>
          {formatField(value)}
        </Row>
      ))}
      {children}
    </dl>
  )
}

export function Row({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="row">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
