"""URLs of the screens, of login and logout, and of the health checks."""

from __future__ import annotations

from django.urls import path

from board.accounts import saved_views
from board.accounts.views import Login, Logout
from board.audit.audit_export import audit_csv
from board.audit.audit_page import audit_page
from board.entity.deputy import deputy
from board.entity.views import entity, remark
from board.entity_work.carried_page import carried, carried_end, carried_undo
from board.entity_work.profile_page import profile, profile_undo
from board.entity_work.read_again import read_again
from board.live.asgi_handler import live
from board.notifications.alert_rules_page import alert_rules, group_alert_rules
from board.notifications.alerts_page import alerts
from board.notifications.destinations_page import (
    destination_add,
    destination_edit,
    destination_list,
    destination_remove,
    destination_rotate_secret,
    destination_send_test,
    destination_switch,
)
from board.notifications.mail_preview import sent_mail_html, sent_mails
from board.notifications.send_test_mail import send_test_message
from board.notifications.silences_page import silence_again, silence_lift, silences
from board.notifications.subscriptions_page import subscriptions, subscriptions_reset, subscriptions_undo
from board.notifications.unsubscribe import unsubscribe_page
from board.reports import exports
from board.reports.calendar_page import calendar_page
from board.reports.matrix_export import matrix_csv, matrix_xlsx
from board.reports.matrix_page import matrix_page
from board.reports.overdue_page import past_deadline
from board.scoreboard.views import scoreboard
from board.scoreboard.wall import wall
from board.task_templates.adoption_page import adopt
from board.task_templates.template_editor import draft_restore, draft_task, template_draft
from board.task_templates.template_import import template_import
from board.task_templates.template_page import task_template, template_export
from board.task_templates.templates_page import task_templates
from board.tasks.absence_page import absence_end, task_absences
from board.tasks.handover_page import task_handover
from board.tasks.reopening_page import task_reopening
from board.tasks.role_pages import task_roles
from board.tasks.support_page import restore_support, support_file, withdraw_support
from board.tasks.task_lists import entity_tasks, my_tasks, tasks
from board.tasks.task_page import task
from board.tasks.task_posts import task_act, task_comment, task_file, task_owner, task_support
from board.web import health
from board.work_files.upload_page import work_template, work_template_csv, work_upload, work_upload_plan

urlpatterns = [
    path("", scoreboard, name="scoreboard"),
    path("live/", live, name="live"),
    path("matrix/", matrix_page, name="matrix"),
    path("calendar/", calendar_page, name="calendar"),
    path("past-deadline/", past_deadline, name="past_deadline"),
    path("alerts/", alerts, name="alerts"),
    path("alerts/try/", send_test_message, name="trial_message"),
    path("alerts/destinations/", destination_list, name="destinations"),
    path("alerts/destinations/add/", destination_add, name="add_destination"),
    path("alerts/destinations/<uuid:uid>/", destination_edit, name="destination"),
    path("alerts/destinations/<uuid:uid>/try/", destination_send_test, name="try_destination"),
    path("alerts/destinations/<uuid:uid>/switch/", destination_switch, name="switch_destination"),
    path("alerts/destinations/<uuid:uid>/remove/", destination_remove, name="remove_destination"),
    path("alerts/destinations/<uuid:uid>/secret/", destination_rotate_secret, name="rotate_destination"),
    path("alerts/silences/", silences, name="silences"),
    path("alerts/silences/<int:pk>/lift/", silence_lift, name="lift_silence"),
    path("alerts/silences/<int:pk>/again/", silence_again, name="silence_again"),
    path("alerts/subscriptions/", subscriptions, name="subscriptions"),
    path("alerts/subscriptions/usual/", subscriptions_reset, name="subscriptions_usual"),
    path("alerts/subscriptions/back/<str:token>/", subscriptions_undo, name="subscriptions_back"),
    path("alerts/unsubscribe/<str:token>/", unsubscribe_page, name="unsubscribe"),
    path("alerts/rules/", alert_rules, name="alert_rules"),
    path("alerts/rules/<str:code>/", group_alert_rules, name="alert_rules_of"),
    path("audit/", audit_page, name="audit"),
    path("mail/", sent_mails, name="sent_mails"),
    path("mail/<slug:key>/", sent_mail_html, name="sent_mail_html"),
    path("entities/<str:code>/", entity, name="entity"),
    path("entities/<str:code>/remarks/", remark, name="remark"),
    path("entities/<str:code>/deputy/", deputy, name="deputy"),
    path("entities/<str:code>/profile/", profile, name="profile"),
    path("entities/<str:code>/profile/undo/<str:moment>/", profile_undo, name="undo_profile"),
    path("entities/<str:code>/carried/", carried, name="carried"),
    path("entities/<str:code>/carried/end/", carried_end, name="end_carried"),
    path("entities/<str:code>/carried/undo/<str:moment>/", carried_undo, name="undo_carried"),
    path("entities/<str:code>/read/", read_again, name="read_again"),
    path("entities/<str:code>/tasks/", entity_tasks, name="entity_tasks"),
    path("entities/<str:code>/tasks/reopening/", task_reopening, name="task_reopening"),
    path("tasks/", tasks, name="tasks"),
    path("tasks/mine/", my_tasks, name="my_tasks"),
    path("tasks/handover/", task_handover, name="task_handover"),
    path("tasks/roles/", task_roles, name="task_roles"),
    path("tasks/absences/", task_absences, name="task_absences"),
    path("tasks/absences/<int:pk>/end/", absence_end, name="end_absence"),
    path("tasks/templates/", task_templates, name="task_templates"),
    path("tasks/templates/adopt/", adopt, name="adopt_tasks"),
    path("tasks/templates/<str:code>/<slug:kind>/", task_template, name="task_template"),
    path("tasks/templates/<str:code>/<slug:kind>/export/", template_export, name="template_export"),
    path("tasks/templates/<str:code>/<slug:kind>/import/", template_import, name="template_import"),
    path("tasks/templates/<str:code>/<slug:kind>/draft/", template_draft, name="template_draft"),
    path(
        "tasks/templates/<str:code>/<slug:kind>/draft/restore/<str:moment>/",
        draft_restore,
        name="restore_draft",
    ),
    path("tasks/templates/<str:code>/<slug:kind>/draft/task/", draft_task, name="add_draft_task"),
    path("tasks/templates/<str:code>/<slug:kind>/draft/task/<slug:task>/", draft_task, name="draft_task"),
    path("tasks/<uuid:uid>/", task, name="task"),
    path("tasks/<uuid:uid>/act/", task_act, name="task_act"),
    path("tasks/<uuid:uid>/owner/", task_owner, name="task_owner"),
    path("tasks/<uuid:uid>/comment/", task_comment, name="task_comment"),
    path("tasks/<uuid:uid>/support/", task_support, name="task_support"),
    path("tasks/<uuid:uid>/file/", task_file, name="task_file"),
    path("tasks/support/<uuid:uid>/", support_file, name="support_file"),
    path("tasks/support/<uuid:uid>/withdraw/", withdraw_support, name="withdraw_support"),
    path("tasks/support/<uuid:uid>/restore/", restore_support, name="restore_support"),
    path("work/upload/", work_upload, name="work_upload"),
    path("work/upload/template.xlsx", work_template, name="work_template"),
    path("work/upload/template.csv", work_template_csv, name="work_template_csv"),
    path("work/upload/<uuid:uid>/", work_upload_plan, name="work_upload_plan"),
    path("wall/", wall, name="wall"),
    path("export/board.csv", exports.board_csv, name="export_board_csv"),
    path("export/board.xlsx", exports.board_xlsx, name="export_board_xlsx"),
    path("export/past-deadline.csv", exports.past_deadline_csv, name="export_past_deadline_csv"),
    path("export/past-deadline.xlsx", exports.past_deadline_xlsx, name="export_past_deadline_xlsx"),
    path("export/matrix.csv", matrix_csv, name="export_matrix_csv"),
    path("export/matrix.xlsx", matrix_xlsx, name="export_matrix_xlsx"),
    path("export/audit.csv", audit_csv, name="export_audit_csv"),
    path("start/", saved_views.start, name="start"),
    path("views/", saved_views.saved_views, name="saved_views"),
    path("views/save/", saved_views.save_view, name="save_view"),
    path("views/<int:view_id>/rename/", saved_views.rename_view, name="rename_view"),
    path("views/<int:view_id>/delete/", saved_views.delete_view, name="delete_view"),
    path("views/<int:view_id>/restore/", saved_views.restore_view, name="restore_view"),
    path("views/<int:view_id>/start/", saved_views.start_with_view, name="start_with_view"),
    path("login/", Login.as_view(), name="login"),
    path("logout/", Logout.as_view(), name="logout"),
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
]
