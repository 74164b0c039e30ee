

import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import seedtest.crypto
import seedtest.models.base
import seedtest.models.mailboxes
import seedtest.models.people
import seedtest.models.schedules
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Arrival',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uidvalidity', models.BigIntegerField()),
                ('uid', models.BigIntegerField()),
                ('message_key', models.CharField(max_length=80)),
                ('internaldate', models.DateTimeField()),
                ('size', models.BigIntegerField(default=0)),
                ('placement', models.CharField(max_length=10)),
                ('tab', models.CharField(blank=True, max_length=14)),
                ('from_domain', models.CharField(blank=True, max_length=253)),
                ('subject', models.CharField(blank=True, max_length=500)),
                ('token', models.CharField(blank=True, max_length=40)),
                ('keys', models.JSONField(default=dict)),
                ('authentication', models.JSONField(default=dict)),
                ('first_seen_at', models.DateTimeField()),
                ('gone_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-first_seen_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='FolderCursor',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=512)),
                ('role', models.CharField(choices=[('inbox', 'inbox'), ('junk', 'junk'), ('category', 'category'), ('other', 'other'), ('trash', 'trash'), ('all', 'all'), ('sent', 'sent'), ('drafts', 'drafts'), ('flagged', 'flagged'), ('important', 'important')], max_length=12)),
                ('source', models.PositiveSmallIntegerField(choices=[(0, 'none'), (10, 'guess'), (20, 'localised'), (30, 'provider'), (40, 'special_use'), (50, 'standard'), (60, 'operator')])),
                ('operator_role', models.CharField(blank=True, choices=[('inbox', 'inbox'), ('junk', 'junk'), ('category', 'category'), ('other', 'other'), ('trash', 'trash'), ('all', 'all'), ('sent', 'sent'), ('drafts', 'drafts'), ('flagged', 'flagged'), ('important', 'important')], max_length=12, verbose_name='role set by you')),
                ('selectable', models.BooleanField(default=True)),
                ('uidvalidity', models.BigIntegerField(editable=False, null=True)),
                ('uidnext', models.BigIntegerField(editable=False, null=True)),
                ('seen_at', models.DateTimeField(editable=False)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Mailbox',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='mbx')),
                ('address', models.EmailField(help_text='The e-mail address that receives the test messages.', max_length=254)),
                ('provider', models.CharField(choices=seedtest.models.mailboxes.provider_choices, max_length=40)),
                ('host', models.CharField(max_length=253, verbose_name='IMAP host')),
                ('port', models.PositiveIntegerField(default=993, verbose_name='IMAP port')),
                ('tls', models.CharField(choices=[('ssl', 'TLS from the start'), ('starttls', 'STARTTLS'), ('none', 'None (own servers only)')], default='ssl', max_length=8, verbose_name='encryption')),
                ('ca_pem', models.TextField(blank=True, help_text='PEM. Only for a server of your own with a private CA.', verbose_name='own CA certificate')),
                ('login', models.CharField(help_text='Usually the address itself.', max_length=254, verbose_name='IMAP login')),
                ('auth_kind', models.CharField(choices=[('password', 'Password or app password'), ('xoauth2', 'OAuth 2 (XOAUTH2)'), ('oauthbearer', 'OAuth 2 (OAUTHBEARER)')], default='password', max_length=12, verbose_name='sign-in')),
                ('secret', seedtest.crypto.SealedField(blank=True, verbose_name='password')),
                ('purpose', models.CharField(choices=[('seed', 'Seed'), ('bounce', 'Bounces'), ('control', 'Control')], default='seed', max_length=8)),
                ('state', models.CharField(choices=[('new', 'Not checked yet'), ('healthy', 'Healthy'), ('degraded', 'Degraded'), ('needs_sign_in', 'Needs sign-in'), ('quarantined', 'Quarantined'), ('disabled', 'Switched off')], default='new', max_length=16)),
                ('state_reason', models.CharField(blank=True, choices=[('folder', 'folder'), ('archived', 'archived'), ('in_trash', 'in_trash'), ('full_check_empty', 'full_check_empty'), ('junk_not_visible', 'junk_not_visible'), ('folder_unreadable', 'folder_unreadable'), ('mailbox_unreachable', 'mailbox_unreachable'), ('auth_failed', 'auth_failed'), ('throttled', 'throttled'), ('timed_out', 'timed_out'), ('protocol_error', 'protocol_error'), ('secret_unreadable', 'secret_unreadable'), ('mailbox_full', 'mailbox_full'), ('quarantined', 'quarantined'), ('disabled', 'disabled'), ('rejected_at_smtp', 'rejected_at_smtp'), ('smtp_unknown', 'smtp_unknown'), ('smtp_gave_up', 'smtp_gave_up'), ('nothing_arrived', 'nothing_arrived'), ('cancelled', 'cancelled'), ('late', 'late')], max_length=32)),
                ('state_detail', models.TextField(blank=True, help_text="The server's own words, without secrets.")),
                ('junk_visible', models.BooleanField(editable=False, null=True)),
                ('quota_used', models.FloatField(editable=False, help_text='0 to 1, where the server says.', null=True)),
                ('last_good_poll_at', models.DateTimeField(editable=False, null=True)),
                ('last_failed_poll_at', models.DateTimeField(editable=False, null=True)),
                ('rechecked_at', models.DateTimeField(editable=False, null=True)),
                ('next_poll_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('dispatched_until', models.DateTimeField(editable=False, null=True)),
                ('lease_epoch', models.BigIntegerField(default=0, editable=False)),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_owner', models.CharField(blank=True, editable=False, max_length=120)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False, help_text='Claims in a row that nobody finished.')),
                ('fail_count', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('backoff_until', models.DateTimeField(editable=False, null=True)),
                ('session_owner', models.CharField(blank=True, editable=False, max_length=120)),
                ('session_until', models.DateTimeField(editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name_plural': 'mailboxes',
                'ordering': ['address', 'id'],
            },
        ),
        migrations.CreateModel(
            name='OutgoingMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='msg')),
                ('subject', models.CharField(blank=True, max_length=500)),
                ('from_address', models.CharField(blank=True, max_length=320)),
                ('raw_zlib', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('size', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'verbose_name': 'message',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='SeedList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='lst')),
                ('name', models.CharField(max_length=120)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SendingProfile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='snd')),
                ('name', models.CharField(max_length=120)),
                ('host', models.CharField(max_length=253, verbose_name='SMTP host')),
                ('port', models.PositiveIntegerField(default=587, verbose_name='SMTP port')),
                ('tls', models.CharField(choices=[('ssl', 'TLS from the start'), ('starttls', 'STARTTLS'), ('none', 'None (own servers only)')], default='starttls', max_length=8, verbose_name='encryption')),
                ('ca_pem', models.TextField(blank=True, verbose_name='own CA certificate')),
                ('username', models.CharField(blank=True, max_length=254)),
                ('password', seedtest.crypto.SealedField(blank=True)),
                ('from_address', models.EmailField(blank=True, help_text='Empty: the message keeps the From it was given with.', max_length=254, verbose_name='From address')),
                ('envelope_from', models.EmailField(blank=True, help_text='Empty: the From address. Bounces go here.', max_length=254, verbose_name='Return-Path')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Stream',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='str')),
                ('name', models.CharField(max_length=120)),
                ('from_domain', models.CharField(blank=True, max_length=253)),
                ('kind', models.CharField(choices=[('marketing', 'Marketing'), ('transactional', 'Transactional'), ('cold', 'Cold outreach')], default='marketing', max_length=16)),
                ('esp', models.CharField(blank=True, help_text='The ESP or system that sends it.', max_length=80, verbose_name='sent with')),
                ('expected_ips', models.JSONField(blank=True, default=list, verbose_name='expected sending IPs')),
                ('expected_dkim_domains', models.JSONField(blank=True, default=list, verbose_name='expected DKIM domains')),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='TickLease',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('owner', models.CharField(blank=True, max_length=120)),
                ('until', models.DateTimeField(null=True)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('last_error', models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name='Workspace',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='wsp')),
                ('name', models.CharField(max_length=120)),
                ('timezone', models.CharField(default='UTC', max_length=64, validators=[seedtest.models.people.validate_timezone])),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='usr')),
                ('email', models.EmailField(max_length=254, unique=True)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('is_active', models.BooleanField(default=True)),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
        ),
        migrations.CreateModel(
            name='Evidence',
            fields=[
                ('arrival', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='evidence', serialize=False, to='seedtest.arrival')),
                ('header_block', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('truncated', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'verbose_name_plural': 'evidence',
            },
        ),
        migrations.AddField(
            model_name='arrival',
            name='folder',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arrivals', to='seedtest.foldercursor'),
        ),
        migrations.AddField(
            model_name='foldercursor',
            name='mailbox',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='folders', to='seedtest.mailbox'),
        ),
        migrations.AddField(
            model_name='arrival',
            name='mailbox',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arrivals', to='seedtest.mailbox'),
        ),
        migrations.CreateModel(
            name='SeedAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='sed')),
                ('mailbox_type', models.CharField(choices=[('consumer', 'Consumer'), ('business', 'Business')], default='consumer', max_length=8)),
                ('region', models.CharField(blank=True, help_text='ISO 3166 country code, if it matters.', max_length=2)),
                ('enabled', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('mailbox', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seed_accounts', to='seedtest.mailbox')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seed_accounts', to='seedtest.workspace')),
            ],
            options={
                'ordering': ['mailbox__provider', 'mailbox__address', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Schedule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='sch')),
                ('name', models.CharField(max_length=120)),
                ('enabled', models.BooleanField(default=True)),
                ('cron', models.CharField(max_length=120, validators=[seedtest.models.schedules.validate_cron])),
                ('timezone', models.CharField(default='UTC', max_length=64, validators=[seedtest.models.people.validate_timezone])),
                ('misfire', models.CharField(choices=[('run_once', 'Run once as soon as possible'), ('skip', 'Skip and wait for the next time')], default='run_once', max_length=8, verbose_name='when missed')),
                ('next_run_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('last_run_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('last_error', models.TextField(blank=True, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('created_by', models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='seedtest.outgoingmessage')),
                ('seed_list', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='seedtest.seedlist')),
                ('sending_profile', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='schedules', to='seedtest.sendingprofile')),
                ('stream', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='schedules', to='seedtest.stream')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='schedules', to='seedtest.workspace')),
            ],
            options={
                'ordering': ['name', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SeedListMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('seed_account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='list_memberships', to='seedtest.seedaccount')),
                ('seed_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='seedtest.seedlist')),
            ],
        ),
        migrations.AddField(
            model_name='seedlist',
            name='seed_accounts',
            field=models.ManyToManyField(related_name='seed_lists', through='seedtest.SeedListMember', to='seedtest.seedaccount'),
        ),
        migrations.CreateModel(
            name='SeedResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='res')),
                ('provider', models.CharField(max_length=40)),
                ('mailbox_type', models.CharField(max_length=8)),
                ('region', models.CharField(blank=True, max_length=2)),
                ('placement', models.CharField(choices=[('waiting', 'waiting'), ('inbox', 'inbox'), ('spam', 'spam'), ('other', 'other'), ('missing', 'missing'), ('rejected', 'rejected'), ('not_sent', 'not sent'), ('unknown', 'unknown')], default='waiting', max_length=10)),
                ('tab', models.CharField(blank=True, choices=[('primary', 'primary'), ('promotions', 'promotions'), ('social', 'social'), ('updates', 'updates'), ('forums', 'forums'), ('purchases', 'purchases'), ('reservations', 'reservations'), ('newsletters', 'newsletters'), ('not_exposed', 'not exposed'), ('off', 'off'), ('unknown', 'unknown')], max_length=14)),
                ('reason', models.CharField(blank=True, max_length=32)),
                ('detail', models.TextField(blank=True)),
                ('folder', models.CharField(blank=True, max_length=512)),
                ('evidence_line', models.TextField(blank=True)),
                ('first_placement', models.CharField(blank=True, max_length=10)),
                ('current_placement', models.CharField(blank=True, max_length=10)),
                ('moved_at', models.DateTimeField(blank=True, null=True)),
                ('late_at', models.DateTimeField(blank=True, null=True)),
                ('gone_at', models.DateTimeField(blank=True, null=True)),
                ('dispatch', models.CharField(choices=[('confirmed', 'confirmed'), ('assumed', 'assumed'), ('contradicted', 'contradicted'), ('unknown', 'unknown')], default='unknown', max_length=12)),
                ('dispatched_at', models.DateTimeField(blank=True, null=True)),
                ('deadline_at', models.DateTimeField(blank=True, null=True)),
                ('full_check_started_at', models.DateTimeField(blank=True, null=True)),
                ('received_at', models.DateTimeField(blank=True, null=True)),
                ('first_seen_at', models.DateTimeField(blank=True, null=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True)),
                ('delivery_seconds', models.FloatField(blank=True, null=True)),
                ('transit_seconds', models.FloatField(blank=True, null=True)),
                ('matched_by', models.CharField(blank=True, max_length=20)),
                ('match_where', models.CharField(blank=True, max_length=200)),
                ('sending_ip', models.CharField(blank=True, max_length=45)),
                ('from_domain', models.CharField(blank=True, max_length=253)),
                ('return_path_domain', models.CharField(blank=True, max_length=253)),
                ('authentication', models.JSONField(blank=True, default=dict)),
                ('rival_tests', models.JSONField(blank=True, default=list)),
                ('mailbox', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='seedtest.mailbox')),
                ('seed_account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='seedtest.seedaccount')),
            ],
            options={
                'ordering': ['provider', 'id'],
            },
        ),
        migrations.CreateModel(
            name='ReceivedMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('message_key', models.CharField(max_length=80)),
                ('internaldate', models.DateTimeField()),
                ('subject', models.CharField(blank=True, max_length=500)),
                ('from_domain', models.CharField(blank=True, max_length=253)),
                ('sending_ip', models.CharField(blank=True, max_length=45)),
                ('dkim_domain', models.CharField(blank=True, max_length=253)),
                ('is_variant', models.BooleanField(default=False)),
                ('arrival', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='seedtest.arrival')),
                ('result', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='seedtest.seedresult')),
            ],
            options={
                'ordering': ['internaldate', 'id'],
            },
        ),
        migrations.AddField(
            model_name='arrival',
            name='result',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='arrivals', to='seedtest.seedresult'),
        ),
        migrations.CreateModel(
            name='SeedTest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='tst')),
                ('name', models.CharField(max_length=200)),
                ('seed_list_version', models.PositiveIntegerField(editable=False, null=True)),
                ('mode', models.CharField(choices=[('esp', 'My ESP sends it'), ('service', 'Send it for me')], default='esp', max_length=8)),
                ('match', models.JSONField(blank=True, default=dict)),
                ('scheduled_for', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('status', models.CharField(choices=[('draft', 'Draft'), ('sending', 'Sending'), ('waiting', 'Waiting for the first arrival'), ('receiving', 'Receiving'), ('settled', 'Settled'), ('complete', 'Complete'), ('inconclusive', 'Inconclusive'), ('cancelled', 'Cancelled')], default='waiting', max_length=14)),
                ('status_reason', models.CharField(blank=True, max_length=32)),
                ('window_starts_at', models.DateTimeField(help_text='No message sent before this belongs to the test.')),
                ('window_ends_at', models.DateTimeField(blank=True, null=True)),
                ('start_by', models.DateTimeField(help_text='Nothing anywhere by then: the test ends inconclusive.')),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at_source', models.CharField(blank=True, choices=[('service', 'we sent it'), ('api', 'told by the API'), ('esp_event', 'told by the ESP'), ('first_arrival', 'taken from the first arrival')], max_length=16)),
                ('first_arrival_at', models.DateTimeField(blank=True, null=True)),
                ('last_arrival_at', models.DateTimeField(blank=True, null=True)),
                ('settle_seconds', models.PositiveIntegerField(default=600)),
                ('deadline_at', models.DateTimeField(blank=True, help_text='The latest deadline of its seeds.', null=True)),
                ('settled_at', models.DateTimeField(blank=True, null=True)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('watch_until', models.DateTimeField(blank=True, null=True)),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('domain_mix', models.JSONField(blank=True, default=dict)),
                ('policy', models.JSONField(blank=True, default=dict)),
                ('meta', models.JSONField(blank=True, default=dict)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seed_tests', to='seedtest.outgoingmessage')),
                ('schedule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seed_tests', to='seedtest.schedule')),
                ('seed_list', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='seedtest.seedlist')),
                ('sending_profile', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='seedtest.sendingprofile')),
                ('stream', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='seed_tests', to='seedtest.stream')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seed_tests', to='seedtest.workspace')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='seedresult',
            name='test',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='results', to='seedtest.seedtest'),
        ),
        migrations.CreateModel(
            name='Outbound',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('queued', 'Queued'), ('inflight', 'Being sent'), ('sent', 'Accepted'), ('failed', 'Refused'), ('unknown', 'Unknown')], default='queued', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('inflight_until', models.DateTimeField(blank=True, null=True)),
                ('claim_epoch', models.BigIntegerField(default=0)),
                ('data_started_at', models.DateTimeField(blank=True, null=True)),
                ('accepted_at', models.DateTimeField(blank=True, null=True)),
                ('smtp_stage', models.CharField(blank=True, max_length=12)),
                ('smtp_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('smtp_reply', models.TextField(blank=True)),
                ('message_id', models.CharField(blank=True, max_length=250)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outbounds', to='seedtest.seedaccount')),
                ('test', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outbounds', to='seedtest.seedtest')),
            ],
        ),
        migrations.AddField(
            model_name='stream',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='streams', to='seedtest.workspace'),
        ),
        migrations.AddField(
            model_name='sendingprofile',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='sending_profiles', to='seedtest.workspace'),
        ),
        migrations.AddField(
            model_name='seedlist',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='seed_lists', to='seedtest.workspace'),
        ),
        migrations.AddField(
            model_name='outgoingmessage',
            name='workspace',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='outgoing_messages', to='seedtest.workspace'),
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('marketer', 'Marketer'), ('viewer', 'Viewer')], default='marketer', max_length=16)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='seedtest.workspace')),
            ],
            options={
                'verbose_name': 'member',
            },
        ),
        migrations.CreateModel(
            name='Marker',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('token', 'token'), ('header', 'header'), ('header_prefix', 'header_prefix'), ('sender_subject', 'sender_subject')], max_length=16)),
                ('value', models.CharField(max_length=998)),
                ('header', models.CharField(blank=True, max_length=80)),
                ('from_domain', models.CharField(blank=True, max_length=253)),
                ('in_body', models.BooleanField(default=False)),
                ('valid_from', models.DateTimeField()),
                ('valid_until', models.DateTimeField()),
                ('test', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='markers', to='seedtest.seedtest')),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='markers', to='seedtest.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='mailbox',
            name='workspace',
            field=models.ForeignKey(blank=True, help_text="Empty: the operator's pool, lent to workspaces through seed accounts.", null=True, on_delete=django.db.models.deletion.CASCADE, related_name='mailboxes', to='seedtest.workspace'),
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=255)),
                ('request_sha256', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('body', models.JSONField(null=True)),
                ('resource_id', models.CharField(blank=True, max_length=40)),
                ('created_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='idempotency_keys', to='seedtest.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='evt')),
                ('type', models.CharField(max_length=40)),
                ('dedupe_key', models.CharField(max_length=160)),
                ('data', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seq', models.BigIntegerField(null=True, unique=True)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='events', to='seedtest.workspace')),
            ],
            options={
                'ordering': ['seq'],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('public_id', seedtest.models.base.PublicIdField(prefix='key')),
                ('name', models.CharField(max_length=80)),
                ('secret_sha256', models.CharField(editable=False, max_length=64)),
                ('scopes', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('last_used_at', models.DateTimeField(editable=False, null=True)),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('created_by', models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to='seedtest.workspace')),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('email'), name='user_email_once'),
        ),
        migrations.AddConstraint(
            model_name='foldercursor',
            constraint=models.UniqueConstraint(fields=('mailbox', 'name'), name='folder_once'),
        ),
        migrations.AddConstraint(
            model_name='seedlistmember',
            constraint=models.UniqueConstraint(fields=('seed_list', 'seed_account'), name='seed_list_member_once'),
        ),
        migrations.AddConstraint(
            model_name='receivedmessage',
            constraint=models.UniqueConstraint(fields=('result', 'message_key'), name='received_message_once'),
        ),
        migrations.AddIndex(
            model_name='arrival',
            index=models.Index(fields=['first_seen_at'], name='arrival_age'),
        ),
        migrations.AddIndex(
            model_name='arrival',
            index=models.Index(condition=models.Q(('result', None)), fields=['first_seen_at'], name='arrival_unmatched'),
        ),
        migrations.AddIndex(
            model_name='arrival',
            index=models.Index(fields=['mailbox', 'message_key'], name='arrival_message'),
        ),
        migrations.AddIndex(
            model_name='arrival',
            index=models.Index(fields=['from_domain', 'first_seen_at'], name='arrival_sender'),
        ),
        migrations.AddConstraint(
            model_name='arrival',
            constraint=models.UniqueConstraint(fields=('mailbox', 'folder', 'uidvalidity', 'uid'), name='arrival_place_once'),
        ),
        migrations.AddIndex(
            model_name='seedresult',
            index=models.Index(fields=['mailbox', 'placement'], name='seed_result_waiting'),
        ),
        migrations.AddConstraint(
            model_name='seedresult',
            constraint=models.UniqueConstraint(fields=('test', 'seed_account'), name='seed_result_once'),
        ),
        migrations.AddConstraint(
            model_name='seedresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('placement', 'missing'), _negated=True), ('full_check_started_at__gte', models.F('deadline_at')), _connector='OR'), name='missing_only_after_full_check'),
        ),
        migrations.AddConstraint(
            model_name='seedresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('placement', 'missing'), _negated=True), models.Q(('deadline_at__isnull', False), ('full_check_started_at__isnull', False)), _connector='OR'), name='missing_has_its_full_check'),
        ),
        migrations.AddIndex(
            model_name='outbound',
            index=models.Index(fields=['status', 'next_attempt_at'], name='outbound_due'),
        ),
        migrations.AddConstraint(
            model_name='outbound',
            constraint=models.UniqueConstraint(fields=('test', 'account'), name='outbound_once'),
        ),
        migrations.AddConstraint(
            model_name='stream',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='stream_name_once'),
        ),
        migrations.AddConstraint(
            model_name='sendingprofile',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='sending_profile_name_once'),
        ),
        migrations.AddConstraint(
            model_name='sendingprofile',
            constraint=models.CheckConstraint(condition=models.Q(('port__gte', 1), ('port__lte', 65535)), name='sending_profile_port'),
        ),
        migrations.AddIndex(
            model_name='seedtest',
            index=models.Index(fields=['status', 'deadline_at'], name='seed_test_open'),
        ),
        migrations.AddIndex(
            model_name='seedtest',
            index=models.Index(fields=['workspace', '-created_at'], name='seed_test_listed'),
        ),
        migrations.AddIndex(
            model_name='seedtest',
            index=models.Index(fields=['created_at'], name='seed_test_age'),
        ),
        migrations.AddConstraint(
            model_name='seedtest',
            constraint=models.UniqueConstraint(condition=models.Q(('schedule__isnull', False)), fields=('schedule', 'scheduled_for'), name='seed_test_once_per_tick'),
        ),
        migrations.AddConstraint(
            model_name='seedtest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'complete'), _negated=True), ('completed_at__isnull', False), _connector='OR'), name='seed_test_complete_when'),
        ),
        migrations.AddConstraint(
            model_name='seedlist',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='seed_list_name_once'),
        ),
        migrations.AddConstraint(
            model_name='seedaccount',
            constraint=models.UniqueConstraint(fields=('workspace', 'mailbox'), name='seed_account_once'),
        ),
        migrations.AddIndex(
            model_name='schedule',
            index=models.Index(fields=['enabled', 'next_run_at'], name='schedule_due'),
        ),
        migrations.AddConstraint(
            model_name='schedule',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='schedule_name_once'),
        ),
        migrations.AddConstraint(
            model_name='membership',
            constraint=models.UniqueConstraint(fields=('user', 'workspace'), name='membership_once'),
        ),
        migrations.AddIndex(
            model_name='marker',
            index=models.Index(fields=['valid_until'], name='marker_open'),
        ),
        migrations.AddConstraint(
            model_name='marker',
            constraint=models.UniqueConstraint(condition=models.Q(('kind', 'token')), fields=('value',), name='minted_marker_once'),
        ),
        migrations.AddConstraint(
            model_name='marker',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__lt', models.F('valid_until'))), name='marker_window'),
        ),
        migrations.AddIndex(
            model_name='mailbox',
            index=models.Index(fields=['next_poll_at'], name='mailbox_due'),
        ),
        migrations.AddConstraint(
            model_name='mailbox',
            constraint=models.UniqueConstraint(models.F('host'), django.db.models.functions.text.Lower('login'), name='mailbox_login_once'),
        ),
        migrations.AddConstraint(
            model_name='mailbox',
            constraint=models.CheckConstraint(condition=models.Q(('port__gte', 1), ('port__lte', 65535)), name='mailbox_port'),
        ),
        migrations.AddConstraint(
            model_name='mailbox',
            constraint=models.CheckConstraint(condition=models.Q(('lease_epoch__gte', 0)), name='mailbox_epoch'),
        ),
        migrations.AddConstraint(
            model_name='idempotencykey',
            constraint=models.UniqueConstraint(fields=('workspace', 'key'), name='idempotency_key_once'),
        ),
        migrations.AddIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('seq', None)), fields=['id'], name='event_unpublished'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('workspace', 'dedupe_key'), name='event_once'),
        ),
    ]
